package request_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/insforge/insforge-go/primitives/database/engine/request"
)

func TestRangesUpToTheEndsOfBigint(t *testing.T) {
	t.Parallel()
	const most = "9223372036854775807"
	const beyond = "9223372036854775808"
	for _, c := range []struct {
		name, limit, offset, header string
		first, rows                 int64 // rows is -1 without a limit
		beyond                      string
	}{
		{"neither", "", "", "", 0, -1, ""},
		{"the greatest limit", most, "", "", 0, 1<<63 - 1, ""},
		{"the greatest offset", "", most, "", 1<<63 - 1, -1, ""},
		{"both", most, "5", "", 5, 1<<63 - 5, ""},
		{"a limit that is too great", beyond, "", "", 0, 0, beyond},
		{"one with zeros before it", "00" + beyond, "", "", 0, 0, beyond},
		{"a much greater limit", "1" + most + most, "3", "", 3, 0, "1" + most + most},
		{"an offset that is too great", "", beyond, "", 0, 0, beyond},
		{"an offset that is too great, with a limit", "5", beyond, "", 0, 0, beyond},
		{"an offset that is too small starts at the first row", "", "-" + beyond + "0", "", 0, -1, ""},
		{"a header's range up to the greatest row", "", "", "1-" + most, 1, 1<<63 - 1, ""},
		{"a header's range of one row more", "", "", "0-" + most, 0, 0, beyond},
		{"a header's last row that is too great", "", "", "7-" + beyond + "0", 7, 0, beyond + "0"},
		{"a header's first row that is too great", "", "", beyond + "-", 0, 0, beyond},
		{"a limit in the query makes up for the header", "2", "", "0-" + beyond, 0, 2, ""},
		{"a range in the header makes up for the query", beyond, "", "0-2", 0, 3, ""},
	} {
		query := url.Values{}
		for name, value := range map[string]string{"limit": c.limit, "offset": c.offset} {
			if value != "" {
				query.Set(name, value)
			}
		}
		header := http.Header{}
		if c.header != "" {
			header.Set("Range", c.header)
		}
		r, err := request.Parse(http.MethodGet, query.Encode(), header, request.Target{Name: "t"}, request.Options{Schemas: []string{"public"}})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		beyond, isBeyond := r.Range.Beyond()
		if beyond != c.beyond || isBeyond != (c.beyond != "") {
			t.Errorf("%s: got %q beyond bigint, want %q", c.name, beyond, c.beyond)
		}
		if isBeyond {
			continue
		}
		rows, limited := r.Range.Limit()
		if !limited {
			rows = -1
		}
		if r.Range.First != c.first || rows != c.rows {
			t.Errorf("%s: got %d rows from %d, want %d from %d", c.name, rows, r.Range.First, c.rows, c.first)
		}
	}
}

func TestARestrictedRangeNeedsNoBigint(t *testing.T) {
	t.Parallel()
	r, err := request.Parse(http.MethodGet, "limit=9223372036854775808", nil, request.Target{Name: "t"}, request.Options{Schemas: []string{"public"}})
	if err != nil {
		t.Fatal(err)
	}
	restricted := r.Range.Restrict(2)
	rows, _ := restricted.Limit()
	if number, beyond := restricted.Beyond(); beyond || rows != 2 {
		t.Errorf("got %d rows and %q beyond bigint, want 2 rows", rows, number)
	}
}
