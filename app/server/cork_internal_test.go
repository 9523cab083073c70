package server

import (
	"io"
	"net"
	"testing"
	"time"
)

// sent is a connection that keeps what is written, one string per write.
type sent struct {
	net.Conn
	writes []string
}

func (s *sent) Write(p []byte) (int, error) {
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func (s *sent) Read([]byte) (int, error) { return 0, io.EOF }

func (s *sent) SetWriteDeadline(time.Time) error { return nil }

// While a handler runs, net/http reads to notice that the client leaves. When
// that begins depends on the machine, so it must not matter.
func TestReadingBesideAHandlerSendsNothing(t *testing.T) {
	t.Parallel()
	var s sent
	c := &corkedConn{patientConn: patientConn{&s}}
	c.cork()
	for _, text := range []string{"one ", "two"} {
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Fatal(err)
		}
	}
	c.pull()
	if len(s.writes) != 0 {
		t.Errorf("got %q sent before the end of the answer, want nothing", s.writes)
	}
	if err := c.SetWriteDeadline(time.Time{}); err != nil { // as net/http ends an answer
		t.Fatal(err)
	}
	if len(s.writes) != 1 || s.writes[0] != "one two" {
		t.Errorf("got %q sent, want the answer in one write", s.writes)
	}
}
