package rawsql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/jackc/pgx/v5"
)

// maxParams is the protocol's limit, a 16-bit count.
const maxParams = 65535

// maxNesting is the most dimensions that an array of Postgres has. Only
// parameters of a JSON type take deeper JSON.
const maxNesting = 6

// parameters turns JSON into the text that Postgres reads. Text, numbers and
// booleans are passed on unchanged, and the server decides their types. For an
// array or an object the server is asked first, since only the type says whether
// JSON or an array of Postgres is meant: the statement is then prepared by name.
func (x *connection) parameters(ctx context.Context, sql string, params []json.RawMessage) (prepared string, texts [][]byte, err error) {
	types := make([]values.Type, len(params))
	for _, p := range params {
		if c := p[0]; c == '[' || c == '{' {
			if prepared, types, err = x.prepare(ctx, sql); err != nil {
				return "", nil, err
			}
			break
		}
	}
	if len(types) != len(params) {
		return "", nil, fault.Invalid(fmt.Sprintf("The statement has %d parameter(s), but %d value(s) were sent", len(types), len(params))).
			Next("Send one value for each of $1, $2, …")
	}
	texts = make([][]byte, len(params))
	for i, p := range params {
		if texts[i], err = parameter(types[i], p); err != nil {
			return "", nil, fault.Invalid(fmt.Sprintf("params.%d: %s", i, err)).Because(err)
		}
	}
	return prepared, texts, nil
}

func parameter(t values.Type, raw json.RawMessage) ([]byte, error) {
	if t.Element != 0 && raw[0] == '[' && nesting(raw) > maxNesting {
		return nil, fmt.Errorf("an array of Postgres has at most %d dimensions", maxNesting)
	}
	text, err := values.Text(t, whole(raw))
	switch {
	case errors.Is(err, values.ErrNUL):
		return nil, err
	case err != nil:
		return nil, errors.New("the value cannot be read")
	case text == nil:
		return nil, nil
	}
	return []byte(*text), nil
}

// nesting is how many brackets raw begins with.
func nesting(raw json.RawMessage) int {
	return len(raw) - len(strings.TrimLeft(string(raw), "[ \t\r\n"))
}

// whole writes a number without a fraction as an integer: to JavaScript 1.0 and
// 1e3 are the same as 1 and 1000, but Postgres refuses them as integers.
func whole(raw json.RawMessage) json.RawMessage {
	const exact = 1 << 53
	if c := raw[0]; c != '-' && (c < '0' || c > '9') || !strings.ContainsAny(string(raw), ".eE") {
		return raw
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || f != float64(int64(f)) || f > exact || f < -exact {
		return raw
	}
	return strconv.AppendInt(nil, int64(f), 10)
}

// prepare prepares a statement and returns its name and the types of its
// parameters.
func (x *connection) prepare(ctx context.Context, sql string) (name string, types []values.Type, err error) {
	x.prepared++
	name = fmt.Sprintf("insforge raw sql %d", x.prepared)
	statement, err := x.raw().Prepare(ctx, name, sql, nil)
	if err != nil {
		return "", nil, err
	}
	rows, err := x.Query(ctx, `
		SELECT coalesce(b.oid, t.oid),
		       CASE WHEN coalesce(b.typcategory, t.typcategory) = 'A' THEN coalesce(b.typelem, t.typelem) ELSE 0 END
		  FROM unnest($1::oid[]) WITH ORDINALITY AS p (oid, position)
		  JOIN pg_catalog.pg_type t ON t.oid = p.oid
		  LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype
		 ORDER BY p.position`, statement.ParamOIDs)
	if err != nil {
		return "", nil, err
	}
	types, err = pgx.CollectRows(rows, pgx.RowToStructByPos[values.Type])
	return name, types, err
}
