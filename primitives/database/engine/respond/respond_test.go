package respond_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/kernel/spool"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestContentRange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, last, total int64
		want               string
	}{
		{0, 9, 57, "0-9/57"}, {0, 9, -1, "0-9/*"}, {0, -1, -1, "*/*"}, {0, -1, 0, "*/0"}, {5, 4, 9, "*/9"}, {1, 0, 3, "*/3"},
	} {
		if got := respond.ContentRange(c.first, c.last, c.total); got != c.want {
			t.Errorf("ContentRange(%d, %d, %d): got %q, want %q", c.first, c.last, c.total, got, c.want)
		}
	}
}

func TestResultFormats(t *testing.T) {
	t.Parallel()
	var fields []pgconn.FieldDescription
	for _, oid := range []uint32{16, 20, 21, 23, 2950, 1082, 1114, 1184, 25, 1700, 701, 114, 3802, 1007, 20000} {
		fields = append(fields, pgconn.FieldDescription{DataTypeOID: oid})
	}
	for utc, want := range map[bool][]int16{
		true:  {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0},
		false: {1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		if got := respond.ResultFormats(fields, utc); !slices.Equal(got, want) {
			t.Errorf("in UTC %t: got %v, want %v", utc, got, want)
		}
	}
}

func TestStatusOfPostgresErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, message   string
		anonymous, user int
	}{
		{"42501", "", 401, 403}, {"23505", "", 409, 409}, {"23503", "", 409, 409}, {"42P01", "", 404, 404}, {"42883", "", 404, 404},
		{"25006", "", 405, 405}, {"P0001", "", 400, 400}, {"P0002", "", 500, 500}, {"22P02", "", 400, 400}, {"PT418", "", 418, 418},
		{"PT40A", "", 500, 500}, {"PT099", "", 500, 500}, {"53300", "", 503, 503}, {"53400", "", 500, 500}, {"08006", "", 503, 503},
		{"57P01", "", 503, 503}, {"57014", "", 500, 500}, {"54001", "", 500, 500}, {"XX000", "", 500, 500}, {"40001", "", 500, 500},
		{"21000", "DELETE requires a WHERE clause", 400, 400}, {"21000", "more than one row", 500, 500},
		{"22023", `role "x" does not exist`, 401, 401}, {"22023", "other", 400, 400}, {"", "", 400, 400},
	} {
		err := fmt.Errorf("while reading: %w", &pgconn.PgError{Code: c.code, Message: c.message})
		if got := respond.Translate(err, false).Status; got != c.anonymous {
			t.Errorf("%s %s, anonymous: got %d, want %d", c.code, c.message, got, c.anonymous)
		}
		if got := respond.Translate(err, true).Status; got != c.user {
			t.Errorf("%s %s, signed in: got %d, want %d", c.code, c.message, got, c.user)
		}
	}
}

func TestFailuresWithoutPostgres(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{context.DeadlineExceeded, 504, "PGRST003"}, {&pgconn.ConnectError{}, 503, "PGRST000"},
		{errors.New("broken pipe with a secret"), 503, "PGRST001"}, {spool.ErrTooLarge, 500, "PGRSTX00"},
	} {
		e := respond.Translate(c.err, true)
		if e.Status != c.status || e.Code != c.code {
			t.Errorf("%v: got %d %s, want %d %s", c.err, e.Status, e.Code, c.status, c.code)
		}
		if body := string(respond.Verbose.ErrorBody(e)); strings.Contains(body, "secret") {
			t.Errorf("the cause is shown: %s", body)
		}
	}
}

func TestRaisedAnswer(t *testing.T) {
	t.Parallel()
	raise := func(message, detail string) string {
		e := respond.Translate(&pgconn.PgError{Code: "PGRST", Message: message, Detail: detail}, true)
		return fmt.Sprint(e.Status, " ", e.Code, " ", e.Header.Get("X-H"), " ", string(respond.Verbose.ErrorBody(e)))
	}
	const ok = `{"code":"1","message":"m","details":"d","hint":null}`
	for _, c := range []struct{ message, detail, want string }{
		{ok, `{"status":402,"headers":{"X-H":"v"}}`, `402 1 v {"code":"1","details":"d","hint":null,"message":"m"}`},
		{ok, ``, `500 PGRST121 `}, {ok, `{"status":402}`, `500 PGRST121 `}, {ok, `{"status":7,"headers":{}}`, `500 1 `},
		{`{"code":"1"}`, `{}`, `500 PGRST121 `}, {`nonsense`, `{}`, `500 PGRST121 `},
	} {
		if got := raise(c.message, c.detail); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s, %s: got %s, want %s", c.message, c.detail, got, c.want)
		}
	}
}
