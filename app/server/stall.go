package server

import (
	"io"
	"net"
	"time"
)

// A client that accepts no more of its answer, or sends no more of its body,
// is gone or hostile; what it holds is let go after stallTimeout. A slow
// client is fine: the time starts anew with every stallBytes taken, and with
// every byte sent.
const (
	stallTimeout = 30 * time.Second
	stallBytes   = 64 << 10
)

// patientListener hands out connections that are cut when the client stalls.
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
	// deadline sets when reading fails; the zero time takes it back.
	deadline func(time.Time) error
}

// Read implements io.Reader.
func (b patientBody) Read(p []byte) (int, error) {
	_ = b.deadline(time.Now().Add(stallTimeout)) // a recorder in a test has none
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		// The server watches the connection from now on; it may be silent.
		_ = b.deadline(time.Time{})
	}
	return n, err
}
