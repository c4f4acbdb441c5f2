/** A network of its own for the command: nothing but a loopback, every port free, and the families that a test wants. */
import { type Run, run } from '../protocols/tool.ts';

export interface Network {
  /** IPv6: there, without an address, or unknown to the kernel as it shows itself. */
  ipv6?: 'there' | 'disabled' | 'unknown';
  ipv4?: 'there' | 'disabled';
}

/** Answers `socket(AF_INET6, …)` with EAFNOSUPPORT, as a kernel without IPv6 does, and starts what follows. */
const WITHOUT_IPV6 = `
import ctypes, os, struct, sys
SYS_SOCKET, ARCH = {'x86_64': (41, 0xC000003E), 'aarch64': (198, 0xC00000B7)}[os.uname().machine]
AF_INET6, EAFNOSUPPORT = 10, 97
LOAD, JEQ, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
program = [
    (LOAD, 0, 0, 4), (JEQ, 0, 5, ARCH),
    (LOAD, 0, 0, 0), (JEQ, 0, 3, SYS_SOCKET),
    (LOAD, 0, 0, 16), (JEQ, 0, 1, AF_INET6),
    (RETURN, 0, 0, ERRNO | EAFNOSUPPORT), (RETURN, 0, 0, ALLOW),
]
code = b''.join(struct.pack('HBBI', *line) for line in program)
buffer = ctypes.create_string_buffer(code)
filter = struct.pack('HxxxxxxP', len(program), ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.create_string_buffer(filter), 0, 0) == 0, ctypes.get_errno()
os.execvp(sys.argv[1], sys.argv[1:])
`;

/** The program and its arguments that start another one there. */
export function inNetwork({ ipv6 = 'there', ipv4 = 'there' }: Network = {}): string[] {
  const own = process.getuid?.() === 0 ? ['--net'] : ['--user', '--map-root-user', '--net'];
  const steps = ['ip link set lo up'];
  if (ipv6 === 'disabled') steps.push('echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6');
  if (ipv4 === 'disabled') steps.push('ip address del 127.0.0.1/8 dev lo');
  const last = ipv6 === 'unknown' ? ['python3', '-c', WITHOUT_IPV6] : [];
  return ['unshare', ...own, 'bash', '-ec', `${steps.join(' && ')} && exec "$@"`, 'bash', ...last];
}

/** The program and its arguments that start another one in the network of a process. */
export function joinNetwork(pid: number): string[] {
  const own = process.getuid?.() === 0 ? ['--net'] : ['--user', '--preserve-credentials', '--net'];
  return ['nsenter', '--target', String(pid), ...own];
}

/** Runs a program in the network of a process. */
export function beside(pid: number, program: string, args: string[]): Promise<Run> {
  const [enter, ...words] = joinNetwork(pid);
  return run(enter!, [...words, program, ...args]);
}
