package postgres

import (
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// portAttempts is how many ports are tried, from the preferred one upwards.
const portAttempts = 100

// loopback are the addresses the server listens on.
var loopback = []string{"127.0.0.1", "::1"}

// freePort returns the first port from preferred on that is free on every
// loopback address the machine has.
func freePort(preferred int) (int, error) {
	last := min(preferred+portAttempts-1, 65535)
	for port := preferred; port <= last; port++ {
		if addresses, taken := listenable(port); !taken && len(addresses) > 0 {
			return port, nil
		}
	}
	return 0, &Error{Kind: KindPort, Message: "no free TCP port between " + strconv.Itoa(preferred) +
		" and " + strconv.Itoa(last) + "; choose another port for the database"}
}

// listenable returns the loopback addresses on which port is free, and whether
// it is taken on any of them. Addresses that the machine lacks, often ::1, count
// as neither.
func listenable(port int) (addresses []string, taken bool) {
	for _, address := range loopback {
		l, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		switch {
		case err == nil:
			l.Close()
			addresses = append(addresses, address)
		case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.EACCES):
			taken = true
		}
	}
	return addresses, taken
}

// listenAddresses is the server setting for a port, at the time of a start. A
// port that was taken while the server was down leaves it without TCP, but the
// product continues through the unix socket.
func listenAddresses(port int) string {
	addresses, _ := listenable(port)
	return strings.Join(addresses, ",")
}
