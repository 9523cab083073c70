package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/insforge/insforge-go/app/server"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// roomy raises the limits of the tests' server to those of the product.
func roomy(d *server.Deps) { d.MaxJSONBody, d.MaxURLEncodedBody = 100<<20, 10<<20 }

func TestADrainFinishesRequestsEndsStreamsAndTakesNoMore(t *testing.T) {
	t.Parallel()
	entered, finish := make(chan struct{}), make(chan struct{})
	s := serve(t, func(r rest.Router) {
		r.GET("/slow", rest.Public, func(c rest.Context) error {
			close(entered)
			<-finish
			return c.String(200, "finished")
		})
	})
	st := s.listen(t)
	slow := s.dial(t)
	if _, err := io.WriteString(slow, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered

	drained := make(chan error, 1)
	go func() { drained <- s.Shutdown(context.WithoutCancel(t.Context())) }()

	if got := st.next(); got != "" || st.lines.Err() != nil {
		t.Errorf("got %q (%v) on the stream, want its regular end", got, st.lines.Err())
	}
	eventually(t, "a refused connection", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-drained:
		t.Fatalf("the drain ended (%v) before the request in progress", err)
	default:
	}
	close(finish)
	response, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || string(text) != "finished" {
		t.Errorf("got %q (%v) for the request in progress, want finished", text, err)
	}
	if err := <-drained; err != nil {
		t.Errorf("got %v from the drain, want nil", err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("got %v from a second drain, want nil", err)
	}
}

func TestADrainThatTakesTooLongCutsRequestsOff(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	cut := make(chan error, 1)
	s := serve(t, func(r rest.Router) {
		r.GET("/stuck", rest.Public, func(c rest.Context) error {
			close(entered)
			<-c.Request().Context().Done()
			cut <- c.Request().Context().Err()
			return c.Request().Context().Err()
		})
	})
	conn := s.dial(t)
	if _, err := io.WriteString(conn, "GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a deadline exceeded", err)
	}
	if err := <-cut; !errors.Is(err, context.Canceled) {
		t.Errorf("the request ended with %v, want context.Canceled", err)
	}
}
