package engine

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/jackc/pgx/v5/pgconn"
)

// intake takes in the answers to the statements of a plan.
type intake struct {
	planned *planned
	output  sqlgen.Output
	// maxRows is Options.MaxRows.
	maxRows int64
	result  respond.Result
}

func (t *intake) takeMain(st sent, r *pgconn.ResultReader) error {
	switch t.output {
	case sqlgen.Columns:
		return t.takeColumns(st, r)
	case sqlgen.Rows:
		return t.takeRows(r, appendValue)
	case sqlgen.Records:
		return t.takeRecords(r)
	case sqlgen.Body:
		return t.takeBody(r)
	case sqlgen.Tag:
		tag, err := r.Close()
		t.result.Rows, t.result.Body = tag.RowsAffected(), nil
		if !tag.Insert() && !tag.Update() && !tag.Delete() {
			t.result.Rows = 0
		}
		return err
	case sqlgen.Location:
		return t.takeLocation(r)
	}
	return t.takeExplain(r)
}

func (t *intake) takeColumns(st sent, r *pgconn.ResultReader) error {
	var w *respond.RowWriter
	var exact bool
	if st.columns != nil {
		w, exact = st.columns.writer, st.columns.exact
	} else {
		w, exact = respond.NewRowWriter(r.FieldDescriptions(), t.planned.snapshot.IsPlain)
	}
	if !exact && t.planned.plan.Mutation == nil {
		return errNotPlain
	}
	return t.takeRows(r, w.Append)
}

func appendValue(b []byte, values [][]byte) []byte {
	if values[0] == nil {
		return append(b, "null"...)
	}
	return append(b, values[0]...)
}

// takeRows joins the rows to an array, or takes the one that is wanted.
func (t *intake) takeRows(r *pgconn.ResultReader, row func([]byte, [][]byte) []byte) error {
	body, one := t.result.Body, t.wantsOne()
	separator := ", \n "
	if f := t.planned.plan.Call; f != nil && f.Function.SetOfScalar() {
		separator = ", "
	}
	var n int64
	err := body.Append(func(b []byte) []byte {
		if one {
			return b
		}
		return append(b, '[')
	})
	for err == nil && r.NextRow() {
		if n++; one && n > 1 {
			continue
		}
		err = body.Append(func(b []byte) []byte {
			if n > 1 {
				b = append(b, separator...)
			}
			return row(b, r.Values())
		})
	}
	t.result.Rows = n
	switch {
	case err != nil:
		return err
	case !one:
		return body.Text("]")
	case n == 0:
		return body.Text("null")
	}
	return nil
}

// wantsOne reports whether the body is one value, not an array.
func (t *intake) wantsOne() bool {
	if f := t.planned.plan.Call; f != nil && !f.Function.SetOf {
		return true
	}
	return t.planned.plan.Singular()
}

func (t *intake) takeBody(r *pgconn.ResultReader) error {
	if !r.NextRow() {
		return nil
	}
	v := r.Values()
	if v[0] != nil {
		total, err := strconv.ParseInt(string(v[0]), 10, 64)
		if err != nil {
			return err
		}
		t.result.Total = total
	}
	rows, err := strconv.ParseInt(string(v[1]), 10, 64)
	if err != nil {
		return err
	}
	t.result.Rows = rows
	return t.result.Body.Bytes(v[2])
}

// takeRecords writes a CSV row by row. Without rows there are no names.
func (t *intake) takeRecords(r *pgconn.ResultReader) error {
	body := t.result.Body
	for r.NextRow() {
		t.result.Rows++
		err := body.Append(func(b []byte) []byte {
			if t.result.Rows == 1 {
				b = respond.AppendHeader(b, r.FieldDescriptions())
			}
			return respond.AppendRecord(append(b, '\n'), r.Values())
		})
		if err != nil {
			return err
		}
	}
	if t.result.Rows == 0 {
		return body.Text("\n")
	}
	return nil
}

func (t *intake) takeLocation(r *pgconn.ResultReader) error {
	key := t.planned.plan.Mutation.PK
	var location []respond.KeyValue
	for r.NextRow() {
		if t.result.Rows++; t.result.Rows > 1 || len(key) == 0 {
			location = nil
			continue
		}
		for i, v := range r.Values() {
			location = append(location, respond.KeyValue{Column: key[i], Value: string(v), Null: v == nil})
		}
	}
	t.result.Location, t.result.Body = location, nil
	return nil
}

func (t *intake) takeExplain(r *pgconn.ResultReader) error {
	for r.NextRow() {
		line := r.Values()[0]
		err := t.result.Body.Append(func(b []byte) []byte { return append(append(b, line...), '\n') })
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *intake) takeCount(_ sent, r *pgconn.ResultReader) error {
	if r.NextRow() {
		n, err := strconv.ParseInt(string(r.Values()[0]), 10, 64)
		if err != nil {
			return err
		}
		t.result.Total = n
	}
	return nil
}

// takePlanned takes the planner's number of rows out of an EXPLAIN.
func (t *intake) takePlanned(_ sent, r *pgconn.ResultReader) error {
	if !r.NextRow() {
		return nil
	}
	var plans []struct {
		Plan struct {
			Rows int64 `json:"Plan Rows"`
		}
	}
	if err := json.Unmarshal(r.Values()[0], &plans); err != nil || len(plans) != 1 {
		return fmt.Errorf("read the planned number of rows: %w", err)
	}
	// An estimate counts exactly up to the cap of rows, and uses the plan
	// beyond it.
	if t.planned.request.Prefer.Count == "planned" || t.result.Total > t.maxRows {
		t.result.Total = max(t.result.Total, plans[0].Plan.Rows)
	}
	return nil
}

func (t *intake) takeSettings(_ sent, r *pgconn.ResultReader) error {
	if !r.NextRow() {
		return nil
	}
	v := r.Values()
	t.result.Headers, t.result.Status = string(v[0]), string(v[1])
	if v[2] != nil {
		n, err := strconv.ParseInt(string(v[2]), 10, 64)
		if err != nil {
			return err
		}
		t.result.Inserted = n
	}
	return nil
}
