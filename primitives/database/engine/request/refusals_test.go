package request_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
)

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, method, query, body, want string }{
		{"a select list with a gap", http.MethodGet, "select=title,,year", "",
			`400 PGRST100 "failed to parse select parameter (title,,year)" (line 1, column 7), ` +
				`unexpected "," expecting "...", field name (* or [a..z0..9_$]), "*" or "count()"`},
		{"an unknown operator", http.MethodGet, "year=gtx.1", "",
			`400 PGRST100 "failed to parse filter (gtx.1)" (line 1, column 3), unexpected "x" expecting operator (eq, gt, ...)`},
		{"rows of different members", http.MethodPost, "", `[{"title":"a"},{"year":1}]`, `400 PGRST102 All object keys must match, <nil>`},
		{"no rows but values", http.MethodPost, "", `[1]`, `400 PGRST102 All object keys must match, <nil>`},
		{"a broken body", http.MethodPost, "", `{"title"`, `400 PGRST102 Empty or invalid json, <nil>`},
	} {
		r, err := request.Parse(c.method, c.query, nil, request.Target{Name: "films"}, request.Options{Schemas: []string{"public"}})
		if err == nil {
			err = r.SetBody([]byte(c.body))
		}
		var failed *request.Error
		if !errors.As(err, &failed) {
			t.Errorf("%s: got %v", c.name, err)
			continue
		}
		if got := fmt.Sprintf("%d %s %s, %v", failed.Status, failed.Code, failed.Message, failed.Details); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}
