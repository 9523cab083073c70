package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

func TestFailuresBecomeTheAnswerOfTheContract(t *testing.T) {
	t.Parallel()
	postgres := func(code string) error {
		return fmt.Errorf("insert row: %w", &pgconn.PgError{Code: code, Message: "said by Postgres", Hint: "try this"})
	}
	for _, tt := range []struct {
		name          string
		err           error
		status        int
		code, message string
		logged        bool
	}{
		{"a declared failure as declared", fault.New(418, "TEAPOT", "short and stout").Because(errors.New("cause")), 418, "TEAPOT", "short and stout", false},
		{"a wrapped declared failure as declared", fmt.Errorf("pour: %w", fault.Invalid("no")), 400, "INVALID_INPUT", "no", false},
		{"a declared server failure is logged", fault.New(502, fault.UpstreamFailure, "Upstream"), 502, "UPSTREAM_FAILURE", "Upstream", true},
		{"any other error gives nothing away", errors.New("secret detail"), 500, "INTERNAL_ERROR", "Internal server error", true},
		{"an unreachable service is not taken for the database", &net.OpError{Op: "dial", Err: errors.New("refused")}, 500, "INTERNAL_ERROR", "Internal server error", true},
		{"an expired deadline of our own", context.DeadlineExceeded, 500, "INTERNAL_ERROR", "Internal server error", true},
		{"a cancellation that is not the client's", context.Canceled, 500, "INTERNAL_ERROR", "Internal server error", true},
		{"unique violation", postgres("23505"), 409, "DATABASE_DUPLICATE", "said by Postgres", false},
		{"foreign key violation", postgres("23503"), 400, "DATABASE_CONSTRAINT_VIOLATION", "said by Postgres", false},
		{"not null violation", postgres("23502"), 400, "MISSING_FIELD", "said by Postgres", false},
		{"undefined table", postgres("42P01"), 400, "DATABASE_VALIDATION_ERROR", "said by Postgres", false},
		{"duplicate column", postgres("42701"), 400, "DATABASE_VALIDATION_ERROR", "said by Postgres", false},
		{"undefined column", postgres("42703"), 400, "DATABASE_VALIDATION_ERROR", "said by Postgres", false},
		{"invalid foreign key", postgres("42830"), 400, "DATABASE_VALIDATION_ERROR", "said by Postgres", false},
		{"datatype mismatch", postgres("42804"), 400, "DATABASE_VALIDATION_ERROR", "said by Postgres", false},
		{"insufficient privilege", postgres("42501"), 403, "FORBIDDEN", "said by Postgres", false},
		{"invalid text representation is unmapped", postgres("22P02"), 500, "INTERNAL_ERROR", "said by Postgres", true},
		{"syntax error is unmapped", postgres("42601"), 500, "INTERNAL_ERROR", "said by Postgres", true},
		{"check violation is unmapped", postgres("23514"), 500, "INTERNAL_ERROR", "said by Postgres", true},
		{"query cancelled is unmapped", postgres("57014"), 500, "INTERNAL_ERROR", "said by Postgres", true},
		{"Postgres is stopping", postgres("57P01"), 503, "UPSTREAM_FAILURE", "The database is not available", true},
		{"Postgres is starting", postgres("57P03"), 503, "UPSTREAM_FAILURE", "The database is not available", true},
		{"Postgres is out of connections", postgres("53300"), 503, "UPSTREAM_FAILURE", "The database is not available", true},
		{"a body over its limit", fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 1}), 413, "INVALID_INPUT", "request entity too large", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(r rest.Router) {
				r.GET("/fail", rest.Public, func(rest.Context) error { return tt.err })
			})
			a := s.do(t, "GET", "/fail?token=hunter2", nil, "X-Request-Id: my-id-1")
			e := a.Envelope()
			if a.Status != tt.status || string(e.Error) != tt.code || e.Message != tt.message {
				t.Errorf("got %d %s %q, want %d %s %q", a.Status, e.Error, e.Message, tt.status, tt.code, tt.message)
			}
			if got := a.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("got Content-Type %q, want application/json", got)
			}
			lines := s.log.lines("request failed")
			if logged := len(lines) == 1 && lines[0]["request_id"] == "my-id-1"; logged != tt.logged {
				t.Errorf("logged: got %v, want %v\n%s", logged, tt.logged, s.log)
			}
			var refusal *pgconn.PgError
			refused := s.log.lines("request refused by Postgres")
			if want := errors.As(tt.err, &refusal) && !tt.logged; len(refused) > 0 != want || want && (refused[0]["level"] != "info" || refused[0]["sqlstate"] != refusal.Code) {
				t.Errorf("got %v, want a line at info with the SQLSTATE: %v", refused, want)
			}
			if strings.Contains(s.log.String(), "hunter2") {
				t.Errorf("the log holds the query string: %s", s.log)
			}
		})
	}
}

func TestTheEnvelopeIsNotEscapedAndHasNoEmptyMembers(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r rest.Router) {
		r.GET("/html", rest.Public, func(rest.Context) error { return fault.Invalid("a < b && c > d") })
		r.GET("/plain", rest.Public, func(rest.Context) error { return fault.New(400, fault.InvalidInput, "no") })
		r.GET("/hint", rest.Public, func(rest.Context) error { return fault.New(400, fault.InvalidInput, "no").Next("do") })
	})
	for path, want := range map[string]string{
		"/html":  `{"error":"INVALID_INPUT","message":"a < b && c > d","statusCode":400}`,
		"/plain": `{"error":"INVALID_INPUT","message":"no","statusCode":400}`,
		"/hint":  `{"error":"INVALID_INPUT","message":"no","statusCode":400,"nextActions":"do"}`,
	} {
		if got := strings.TrimSpace(s.do(t, "GET", path, nil).Text); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAPanicIsA500WithItsStackInTheLog(t *testing.T) {
	t.Parallel()
	s := serve(t, func(r rest.Router) {
		r.GET("/panic", rest.Public, func(rest.Context) error { panic("secret detail") })
	})
	a := s.do(t, "GET", "/panic", nil, "X-Request-Id: my-id-2")
	if e := a.Envelope(); a.Status != 500 || e.Error != "INTERNAL_ERROR" || strings.Contains(a.Text, "secret") {
		t.Errorf("got %d %q, want a 500 that gives nothing away", a.Status, a.Text)
	}
	lines := s.log.lines("panic while serving a request")
	if len(lines) != 1 || lines[0]["request_id"] != "my-id-2" || !strings.Contains(fmt.Sprint(lines[0]["stack"]), "envelope_test.go") {
		t.Errorf("got %v, want one line with the request's id and the stack", lines)
	}
	if a := s.do(t, "GET", "/api/health", nil); a.Status != 200 {
		t.Errorf("got %d after a panic, want 200", a.Status)
	}
}

func TestAnAnswerThatFailsHalfwayIsCutOff(t *testing.T) {
	t.Parallel()
	half := func(c rest.Context) error {
		_, err := io.WriteString(c.Response(), strings.Repeat("x", 100))
		c.Response().Flush()
		return err
	}
	for name, end := range map[string]func() error{
		"by an error":  func() error { return errors.New("broken") },
		"by a panic":   func() error { panic("broken") },
		"by an abort":  func() error { panic(http.ErrAbortHandler) },
		"by a failure": func() error { return fault.Invalid("broken") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(r rest.Router) {
				r.GET("/half", rest.Public, func(c rest.Context) error { return errors.Join(half(c), end()) })
			})
			r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/half", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err == nil {
				t.Errorf("got a complete answer %q, want one that is cut off", text)
			}
			if len(text) != 100 {
				t.Errorf("got %d bytes, want the 100 that were written", len(text))
			}
			eventually(t, "the access log line", func() bool { return len(s.log.lines("HTTP Request")) == 1 })
		})
	}
}

func TestAClientThatLeavesIsNotAFailure(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s := serve(t, func(r rest.Router) {
		r.GET("/wait", rest.Public, func(c rest.Context) error {
			close(entered)
			<-c.Request().Context().Done()
			return fmt.Errorf("query: %w", c.Request().Context().Err())
		})
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-entered
		leave()
	}()
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+"/wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := transport.RoundTrip(r); err == nil {
		response.Body.Close()
		t.Fatal("got an answer, want none")
	}
	eventually(t, "the access log line", func() bool { return len(s.log.lines("HTTP Request")) == 1 })
	if got := s.log.lines("HTTP Request")[0]["status"]; got != 499.0 {
		t.Errorf("got status %v in the log, want 499", got)
	}
	if lines := s.log.lines("request failed"); len(lines) != 0 {
		t.Errorf("it was logged as a failure: %v", lines)
	}
}
