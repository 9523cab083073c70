package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/insforge/insforge-go/app/server"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
	"github.com/rs/zerolog"
)

// countingListener counts the system calls that send.
type countingListener struct {
	net.Listener
	writes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return countingConn{conn, l.writes}, err
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// corkRoutes are answers of every kind. proceed lets a handler that has
// flushed go on.
func corkRoutes(proceed <-chan struct{}) func(rest.Router) {
	text := func(n int) string { return strings.Repeat("x", n) }
	return func(root rest.Router) {
		root.GET("/sized/:n", rest.Public, func(c rest.Context) error {
			var n int
			fmt.Sscan(c.Param("n"), &n)
			return c.String(http.StatusOK, text(n))
		})
		root.GET("/flushed", rest.Public, func(c rest.Context) error {
			c.Response().Header().Set("Content-Length", "4097")
			_, _ = io.WriteString(c.Response(), text(4096))
			c.Response().Flush()
			<-proceed
			_, err := io.WriteString(c.Response(), "y")
			return err
		})
		root.GET("/hijacked", rest.Public, func(c rest.Context) error {
			conn, _, err := c.Response().Hijack()
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmine")
			return err
		})
		root.GET("/broken", rest.Public, func(c rest.Context) error {
			_, _ = io.WriteString(c.Response(), text(5000))
			return errors.New("it went wrong half way")
		})
		root.POST("/echo", rest.Public, func(c rest.Context) error {
			body, err := io.ReadAll(c.Request().Body)
			if err != nil {
				return err
			}
			return c.String(http.StatusOK, string(body))
		})
	}
}

func serveCorked(t *testing.T, proceed <-chan struct{}) (address string, writes *atomic.Int64) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	writes = new(atomic.Int64)
	s := server.New(server.Deps{
		Events: &events.Bus{}, Routes: corkRoutes(proceed), MaxJSONBody: 1 << 20, MaxURLEncodedBody: 1 << 20,
		KeepAlive: time.Minute, Log: zerolog.Nop(), Now: time.Now,
	})
	done := make(chan error, 1)
	go func() { done <- s.Serve(countingListener{inner, writes}) }()
	t.Cleanup(func() {
		if err := s.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return inner.Addr().String(), writes
}

// client is one connection, driven by the test.
type client struct {
	*testing.T
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, address string) client {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil { // a hang fails the test, not the build
		t.Fatal(err)
	}
	return client{t, conn, bufio.NewReader(conn)}
}

func (c client) send(text string) {
	c.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		c.Fatal(err)
	}
}

func (c client) answer(method string) (*http.Response, string, error) {
	c.Helper()
	r, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(r.Body)
	return r, string(body), err
}

func TestAnAnswerIsSentInOneWrite(t *testing.T) {
	t.Parallel()
	address, writes := serveCorked(t, nil)
	c := dial(t, address)
	for _, n := range []int{0, 100, 3600, 4096, 5000, 60_000} {
		for _, method := range []string{"GET", "HEAD"} {
			before := writes.Load()
			c.send(fmt.Sprintf("%s /sized/%d HTTP/1.1\r\nHost: x\r\n\r\n", method, n))
			_, body, err := c.answer(method)
			if err != nil {
				t.Fatal(err)
			}
			if method == "GET" && len(body) != n {
				t.Errorf("got %d bytes, want %d", len(body), n)
			}
			if got := writes.Load() - before; got != 1 {
				t.Errorf("%s of %d bytes: got %d writes, want 1", method, n, got)
			}
		}
	}
}

func TestLargeAnswersArePassedOnWhole(t *testing.T) {
	t.Parallel()
	address, _ := serveCorked(t, nil)
	c := dial(t, address)
	for _, n := range []int{65_000, 65_536, 70_000, 5_000_000, 10} {
		c.send(fmt.Sprintf("GET /sized/%d HTTP/1.1\r\nHost: x\r\n\r\n", n))
		if _, body, err := c.answer("GET"); err != nil || body != strings.Repeat("x", n) {
			t.Errorf("got %d bytes (%v), want %d", len(body), err, n)
		}
	}
}

func TestRequestsSentTogetherAreAllAnswered(t *testing.T) {
	t.Parallel()
	address, _ := serveCorked(t, nil)
	c := dial(t, address)
	c.send("GET /sized/5000 HTTP/1.1\r\nHost: x\r\n\r\nGET /sized/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /sized/2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	for _, n := range []int{5000, 1, 2} {
		if _, body, err := c.answer("GET"); err != nil || len(body) != n {
			t.Errorf("got %d bytes (%v), want %d", len(body), err, n)
		}
	}
	if _, err := c.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v after Connection: close, want the end", err)
	}
}

func TestAFlushIsHeardWhileTheHandlerGoesOn(t *testing.T) {
	t.Parallel()
	proceed := make(chan struct{})
	address, _ := serveCorked(t, proceed)
	c := dial(t, address)
	c.send("GET /flushed HTTP/1.1\r\nHost: x\r\n\r\n")
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r.Body, make([]byte, 4096)); err != nil {
		t.Fatalf("what was flushed: %v", err)
	}
	close(proceed) // only now
	if rest, err := io.ReadAll(r.Body); err != nil || string(rest) != "y" {
		t.Errorf("got %q, %v, want the last byte", rest, err)
	}
}

func TestAHijackedConnectionIsTheHandlers(t *testing.T) {
	t.Parallel()
	address, _ := serveCorked(t, nil)
	c := dial(t, address)
	c.send("GET /hijacked HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, body, err := c.answer("GET"); err != nil || body != "mine" {
		t.Errorf("got %q, %v, want what the handler wrote", body, err)
	}
}

func TestAnAnswerThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	t.Parallel()
	address, _ := serveCorked(t, nil)
	c := dial(t, address)
	c.send("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, body, err := c.answer("GET"); err == nil {
		t.Errorf("got a whole answer of %d bytes, want a broken one", len(body))
	}
}

func TestAClientThatWaitsForContinueGetsIt(t *testing.T) {
	t.Parallel()
	address, _ := serveCorked(t, nil)
	c := dial(t, address)
	c.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	line, err := c.in.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("got %q, %v, want 100 Continue", line, err)
	}
	if _, err := c.in.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	c.send("hello")
	if _, body, err := c.answer("POST"); err != nil || body != "hello" {
		t.Errorf("got %q, %v, want the echo", body, err)
	}
}
