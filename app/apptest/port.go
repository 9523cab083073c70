package apptest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// FreePort returns a TCP port that nothing listens on. It is outside the range
// from which the system assigns ports, so it stays free until the test uses
// it.
func FreePort() (int, error) {
	const low, high, tries = 15_000, 32_000, 100
	for range tries {
		port := low + rand.IntN(high-low)
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("no free TCP port after %d tries", tries)
}
