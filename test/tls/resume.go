// Asks twice over TLS, the second time with the session of the first: PORT OTHER_PORT NAME VERSION.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	name := os.Args[3]
	version := map[string]uint16{"TLSv1_2": tls.VersionTLS12, "TLSv1_3": tls.VersionTLS13}[os.Args[4]]
	config := &tls.Config{
		ServerName: name, MinVersion: version, MaxVersion: version, InsecureSkipVerify: true,
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
	}
	for _, port := range os.Args[1:3] {
		connection, err := tls.Dial("tcp", "127.0.0.1:"+port, config)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Fprintf(connection, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name)
		answer, _ := io.ReadAll(connection)
		how := "new"
		if connection.ConnectionState().DidResume {
			how = "resumed"
		}
		fmt.Println(how, strings.Split(string(answer), "\r\n")[0])
		connection.Close()
	}
}
