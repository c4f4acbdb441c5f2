/** UDP echo on a free loopback port, which it prints. */
import { createSocket } from 'node:dgram';

const socket = createSocket('udp4');
socket.on('message', (message, from) => socket.send(message, from.port, from.address));
socket.bind(0, '127.0.0.1', () => process.stdout.write(String(socket.address().port)));
