// Package conformance is the official conformance suite of the Gateway API as it is: what `go test -c` makes of it takes
// the suite's own flags.
package conformance

import (
	"testing"

	_ "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) { conformance.RunConformance(t) }
