// A web application firewall beside a gateway: it is asked about each request, and answers 403 where a rule of Coraza stops it.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/corazawaf/coraza/v3"
	txhttp "github.com/corazawaf/coraza/v3/http"
)

func main() {
	address, rules := os.Args[1], os.Args[2]
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectivesFromFile(rules))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	passes := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening", listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, txhttp.WrapHandler(waf, passes)))
	os.Exit(1)
}
