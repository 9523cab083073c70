package server_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/kernel/events"
)

const streamPath = "/api/dashboard/events"

// stream is an open event stream.
type stream struct {
	*http.Response
	lines *bufio.Scanner
	leave context.CancelFunc
}

// listen opens an event stream and reads its first event.
func (s *site) listen(t testing.TB) *stream {
	t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	t.Cleanup(leave)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+streamPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", apiKey)
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	st := &stream{response, bufio.NewScanner(response.Body), leave}
	if got, want := st.next(), `data: {"type":"ready"}`; got != want {
		t.Fatalf("got first event %q, want %q", got, want)
	}
	return st
}

// next returns the next line that is not empty, or "" at the end.
func (st *stream) next() string {
	for st.lines.Scan() {
		if line := st.lines.Text(); line != "" {
			return line
		}
	}
	return ""
}

func TestTheEventStreamCarriesEventsInTheirWireForm(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	st := s.listen(t)
	want := map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
	if diff := cmp.Diff(want, headersOf(st.Response.Header, "Content-Type", "Cache-Control", "X-Accel-Buffering")); diff != "" {
		t.Errorf("headers: -want +got\n%s", diff)
	}
	for _, tt := range []struct {
		event events.Event
		want  string
	}{
		{events.DataUpdate{Resource: events.Users}, `{"type":"data-update","resource":"users"}`},
		{events.DataUpdate{Resource: events.Database, Changes: []events.Change{{Type: "table", Name: "posts\n\ndata: x"}, {Type: "records"}}},
			`{"type":"data-update","resource":"database","data":{"changes":[{"type":"table","name":"posts\n\ndata: x"},{"type":"records"}]}}`},
		{events.DataUpdate{Resource: events.Functions, Slug: "hello"}, `{"type":"data-update","resource":"functions","data":{"slug":"hello"}}`},
		{events.DataUpdate{Resource: events.Buckets, BucketName: "b"}, `{"type":"data-update","resource":"buckets","data":{"bucketName":"b"}}`},
		{events.MCPConnected{ToolName: "run-sql", CreatedAt: "2026-01-01T00:00:00.000Z"}, `{"type":"mcp-connected","toolName":"run-sql","createdAt":"2026-01-01T00:00:00.000Z"}`},
	} {
		s.events.Publish(struct{ NotForTheDashboard int }{1})
		s.events.Publish(tt.event)
		if got := st.next(); got != "data: "+tt.want {
			t.Errorf("got %s, want data: %s", got, tt.want)
		}
	}
}

func TestTheEventStreamIsForAdministrators(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	for header, status := range map[string]int{
		"X-None: x": 401, "Authorization: Bearer " + userToken: 403, "x-api-key: ik_bad": 401,
	} {
		if a := s.do(t, "GET", streamPath, nil, header); a.Status != status {
			t.Errorf("%s: got %d, want %d", header, a.Status, status)
		}
	}
}

func TestHEADOfTheEventStreamEnds(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	a := s.do(t, "HEAD", streamPath, nil, "x-api-key: "+apiKey)
	if a.Status != 200 || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("got %d %q, want 200 text/event-stream", a.Status, a.Header.Get("Content-Type"))
	}
}

func TestAThousandStreamsThatCloseLeaveNothingBehind(t *testing.T) {
	s := serve(t, nil)
	before := runtime.NumGoroutine()
	const clients = 1000
	streams := make([]*stream, clients)
	var opening sync.WaitGroup
	for part := range 10 {
		opening.Go(func() {
			for i := part; i < clients; i += 10 {
				streams[i] = s.listen(t)
			}
		})
	}
	opening.Wait()
	if t.Failed() {
		t.FailNow()
	}
	s.events.Publish(events.DataUpdate{Resource: events.Users})
	for i, st := range streams {
		if got := st.next(); got != `data: {"type":"data-update","resource":"users"}` {
			t.Fatalf("stream %d: got %q", i, got)
		}
		st.leave()
	}
	eventually(t, "the access log of every stream", func() bool {
		return strings.Count(s.log.String(), "HTTP Request") == clients
	})
	eventually(t, "the goroutines of every stream", func() bool { return runtime.NumGoroutine() < before+50 })
	// Nobody is subscribed any more, so nothing can be missed.
	for range 1000 {
		s.events.Publish(events.DataUpdate{Resource: events.Users})
	}
	if got := s.events.Dropped(); got != 0 {
		t.Errorf("got %d missed events, want 0: a subscription was left", got)
	}
}

func TestAnUnreadStreamHoldsUpNoOne(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	conn := s.dial(t)
	if err := conn.SetReadBuffer(1 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET "+streamPath+" HTTP/1.1\r\nHost: x\r\nX-Api-Key: "+apiKey+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	// Once its socket's buffers and its queue are full, it misses events.
	big := events.DataUpdate{Resource: events.Functions, Slug: strings.Repeat("x", 1<<16)}
	eventually(t, "an event that the stuck stream misses", func() bool {
		s.events.Publish(big)
		return s.events.Dropped() > 0
	})
	st := s.listen(t)
	// Anything that has to wait for the stuck stream waits until it is cut off.
	const stuckFor = 25 * time.Second
	began := time.Now()
	s.events.Publish(events.DataUpdate{Resource: events.Users})
	if got := st.next(); got != `data: {"type":"data-update","resource":"users"}` {
		t.Errorf("another stream got %q", got)
	}
	if took := time.Since(began); took > stuckFor {
		t.Errorf("another stream waited %v", took)
	}
}
