// Calls raw.Echo through a gateway with the gRPC of Go: all four shapes, statuses, deadlines and the health service.
// Prints one line of JSON; what it says is judged by grpcgo.test.ts.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// rawCodec passes messages as they are, under the name of the codec that servers expect.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (rawCodec) Name() string { return "raw" }

type outcome struct {
	Unary    string `json:"unary"`
	Server   string `json:"server"`
	Trailer  string `json:"trailer"`
	Failure  string `json:"failure"`
	Deadline string `json:"deadline"`
	NoRoute  string `json:"noRoute"`
	Uploaded string `json:"uploaded"`
	Download int    `json:"downloaded"`
	Talk     string `json:"talk"`
	Health   string `json:"health"`
}

func main() {
	encoding.RegisterCodec(rawCodec{})
	target, authority := os.Args[1], os.Args[2]
	transport := insecure.NewCredentials()
	if len(os.Args) > 3 {
		pem, err := os.ReadFile(os.Args[3])
		check(err)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		transport = credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: authority})
	}
	conn, err := grpc.NewClient("passthrough:///"+target, grpc.WithTransportCredentials(transport), grpc.WithAuthority(authority))
	check(err)
	defer conn.Close()
	check(json.NewEncoder(os.Stdout).Encode(calls(conn)))
}

func calls(conn *grpc.ClientConn) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out outcome
	var header, trailer metadata.MD
	message, err := unary(ctx, conn, "/raw.Echo/Unary", "ping", grpc.Header(&header), grpc.Trailer(&trailer))
	check(err)
	out.Unary, out.Server, out.Trailer = message, fmt.Sprint(header.Get("x-server")), fmt.Sprint(trailer.Get("x-trailer"))
	_, err = unary(ctx, conn, "/raw.Echo/Unary", "fail")
	out.Failure = fmt.Sprint(status.Code(err), ": ", status.Convert(err).Message())
	short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
	defer stop()
	_, err = unary(short, conn, "/raw.Echo/Unary", "hang")
	out.Deadline = status.Code(err).String()
	_, err = unary(ctx, conn, "/raw.Nothing/Unary", "x")
	out.NoRoute = status.Code(err).String()
	streams(ctx, conn, &out)
	reply, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "a"})
	out.Health = fmt.Sprint(reply.GetStatus(), " ", status.Code(err))
	return out
}

func unary(ctx context.Context, conn *grpc.ClientConn, method, text string, options ...grpc.CallOption) (string, error) {
	in, out := []byte(text), []byte{}
	err := conn.Invoke(ctx, method, &in, &out, append(options, grpc.ForceCodec(rawCodec{}))...)
	return string(out), err
}

func streams(ctx context.Context, conn *grpc.ClientConn, out *outcome) {
	shape := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	open := func(method string) grpc.ClientStream {
		stream, err := conn.NewStream(ctx, shape, "/raw.Echo/"+method, grpc.ForceCodec(rawCodec{}))
		check(err)
		return stream
	}
	var got []byte
	upload := open("Upload")
	piece := make([]byte, 65536)
	for range 64 {
		check(upload.SendMsg(&piece))
	}
	check(upload.CloseSend())
	check(upload.RecvMsg(&got))
	out.Uploaded = string(got)

	download := open("Download")
	size := []byte("4194304")
	check(download.SendMsg(&size))
	check(download.CloseSend())
	for {
		err := download.RecvMsg(&got)
		if err == io.EOF {
			break
		}
		check(err)
		out.Download += len(got)
	}

	talk := open("Talk")
	for _, word := range []string{"a", "bb", "ccc"} {
		said := []byte(word)
		check(talk.SendMsg(&said))
		check(talk.RecvMsg(&got))
		out.Talk += string(got)
	}
	check(talk.CloseSend())
	if err := talk.RecvMsg(&got); err != io.EOF {
		check(fmt.Errorf("the stream did not end: %v", err))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
