"""Asks twice over TLS, the second time with the session of the first: PORT OTHER_PORT NAME VERSION."""
import socket
import ssl
import sys

ports, name, version = [int(port) for port in sys.argv[1:3]], sys.argv[3], sys.argv[4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
session = None
for port in ports:
    raw = socket.create_connection(("127.0.0.1", port))
    with context.wrap_socket(raw, server_hostname=name, session=session) as stream:
        stream.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := stream.recv(65536):
            answer += chunk
        print("resumed" if stream.session_reused else "new", answer.split(b"\r\n")[0].decode())
        session = stream.session
