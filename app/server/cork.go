package server

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// net/http hands an answer to the connection in pieces of 4 KiB. Each piece
// is a system call and wakes the client, which for a list of a few rows costs
// more than making it. A cork holds the pieces of one answer back until the
// handler is done, and sends them together.
//
// Only answers to requests without a body are held back, because reading a body
// may first have to send "100 Continue". Flush and Hijack pull the cork, so
// streams are not affected.

// corkBytes is how much is held back; larger answers flow as they are made.
const corkBytes = 64 << 10

// corks recycles the buffers of held answers.
var corks = sync.Pool{New: func() any { b := make([]byte, 0, corkBytes); return &b }}

// corkedConn is a connection that can hold an answer back. net/http uses it
// from one goroutine at a time, except for Read and Close.
type corkedConn struct {
	patientConn
	mu     sync.Mutex
	corked bool
	held   *[]byte
}

// Write implements net.Conn.
func (c *corkedConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.corked && len(p)+c.heldBytes() <= corkBytes {
		if c.held == nil {
			c.held = corks.Get().(*[]byte)
		}
		*c.held = append(*c.held, p...)
		return len(p), nil
	}
	if c.held != nil && len(p)+len(*c.held) <= corkBytes {
		*c.held = append(*c.held, p...)
		return len(p), c.release()
	}
	if err := c.release(); err != nil {
		return 0, err
	}
	return c.patientConn.Write(p)
}

func (c *corkedConn) heldBytes() int {
	if c.held == nil {
		return 0
	}
	return len(*c.held)
}

// release sends what is held.
func (c *corkedConn) release() error {
	if c.held == nil {
		return nil
	}
	held := c.held
	c.held = nil
	_, err := c.patientConn.Write(*held)
	*held = (*held)[:0]
	corks.Put(held)
	return err
}

func (c *corkedConn) cork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = true
}

// pull lets everything through from now on; what is held goes out with the next
// write or at the end of the answer.
func (c *corkedConn) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = false
}

// flush is like pull, but also sends at once what is held.
func (c *corkedConn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = false
	return c.release()
}

// SetWriteDeadline implements net.Conn. net/http calls it when an answer is
// complete, which sends what is left. (A read says nothing: net/http also reads
// while the handler runs.)
func (c *corkedConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.release(); err != nil {
		return err
	}
	return c.patientConn.SetWriteDeadline(t)
}

// CloseWrite lets net/http finish an answer to a client that is still sending.
func (c *corkedConn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.release(); err != nil {
		return err
	}
	return c.patientConn.CloseWrite()
}

type corkKey struct{}

// withCork makes the connection known to its requests.
func withCork(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, corkKey{}, c)
}

// corked returns a writer that holds the answer to r back until the returned
// function is called. When nothing can be held back, the writer is w itself and
// the function does nothing.
func corked(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func()) {
	conn, ok := r.Context().Value(corkKey{}).(*corkedConn)
	if !ok || r.Body != http.NoBody {
		return w, func() {}
	}
	conn.cork()
	return corkedWriter{w, conn}, conn.pull
}

// corkedWriter pulls the cork when a handler flushes, hijacks or copies a file.
type corkedWriter struct {
	http.ResponseWriter
	conn *corkedConn
}

// FlushError implements what http.ResponseController looks for.
func (w corkedWriter) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	return errors.Join(err, w.conn.flush())
}

// Flush implements http.Flusher.
func (w corkedWriter) Flush() { _ = w.FlushError() }

// Hijack implements http.Hijacker.
func (w corkedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.conn.flush(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// ReadFrom implements io.ReaderFrom, so that files still go from disk to
// network inside the kernel.
func (w corkedWriter) ReadFrom(from io.Reader) (int64, error) {
	if err := w.conn.flush(); err != nil {
		return 0, err
	}
	return io.Copy(w.ResponseWriter, from)
}

// Unwrap is for http.ResponseController.
func (w corkedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
