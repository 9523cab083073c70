package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestAClientThatTakesNothingIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		began := time.Now()
		n, err := patientConn{ours}.Write(make([]byte, 3*stallBytes))
		if n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != stallTimeout {
			t.Errorf("got %d, %v after %v, want a deadline exceeded after %v", n, err, time.Since(began), stallTimeout)
		}
	})
}

func TestASlowClientGetsItsWholeAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		sent := bytes.Repeat([]byte("0123456789abcdef"), 20_001)
		got := make(chan []byte, 1)
		go func() {
			var all []byte
			part := make([]byte, stallBytes)
			for {
				time.Sleep(stallTimeout - time.Second)
				n, err := io.ReadFull(theirs, part)
				all = append(all, part[:n]...)
				if err != nil {
					got <- all
					return
				}
			}
		}()
		if n, err := (patientConn{ours}).Write(sent); n != len(sent) || err != nil {
			t.Errorf("got %d, %v, want %d bytes written", n, err, len(sent))
		}
		ours.Close()
		if !bytes.Equal(<-got, sent) {
			t.Error("the answer arrived changed")
		}
	})
}

func TestABodyMayBeSlowButNotStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() {
			for range 10 {
				time.Sleep(stallTimeout - time.Second)
				if _, err := theirs.Write([]byte("x")); err != nil {
					t.Error(err)
				}
			}
		}()
		body := patientBody{ReadCloser: ours, deadline: ours.SetReadDeadline}
		text, err := io.ReadAll(body)
		if string(text) != "xxxxxxxxxx" || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %q, %v, want ten bytes and then a deadline exceeded", text, err)
		}
		// Nothing limits the connection once the body is over.
		go func() {
			time.Sleep(10 * stallTimeout)
			theirs.Write([]byte("y"))
		}()
		if n, err := ours.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("got %d, %v from the connection afterwards, want a byte", n, err)
		}
	})
}
