package server

import (
	"io"
	"net"
	"time"
)

// A client that stops reading its answer or sending its body is gone or
// hostile, so its connection is cut after stallTimeout. A slow client is fine:
// the time starts again with every stallBytes that it takes, and with every
// byte that it sends.
const (
	stallTimeout = 30 * time.Second
	stallBytes   = 64 << 10
)

// patientListener accepts connections that are cut when the client stalls.
type patientListener struct{ net.Listener }

// Accept implements net.Listener.
func (l patientListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &corkedConn{patientConn: patientConn{conn}}, nil
}

type patientConn struct{ net.Conn }

// Write implements net.Conn. It fails with os.ErrDeadlineExceeded when the
// client stalls.
func (c patientConn) Write(p []byte) (n int, err error) {
	for {
		part := p[n:min(len(p), n+stallBytes)]
		if err := c.SetWriteDeadline(time.Now().Add(stallTimeout)); err != nil {
			return n, err
		}
		wrote, err := c.Conn.Write(part)
		n += wrote
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// CloseWrite lets net/http finish an answer to a client that is still
// sending: closing both ways at once would lose it.
func (c patientConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// patientBody is a request body whose reader fails when the client stalls.
type patientBody struct {
	io.ReadCloser
	// deadline sets when reading fails; the zero time means never.
	deadline func(time.Time) error
}

// Read implements io.Reader.
func (b patientBody) Read(p []byte) (int, error) {
	_ = b.deadline(time.Now().Add(stallTimeout)) // not supported by recorders in tests
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		// From now on the server watches the connection, which may be silent.
		_ = b.deadline(time.Time{})
	}
	return n, err
}
