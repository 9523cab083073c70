package engine

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/insforge/insforge-go/primitives/database/engine/respond"
	"github.com/insforge/insforge-go/primitives/database/engine/sqlgen"
	"github.com/jackc/pgx/v5/pgconn"
)

func (c *conversation) readMain(st sent, r *pgconn.ResultReader) error {
	switch c.query.Output {
	case sqlgen.Columns:
		return c.readColumns(st, r)
	case sqlgen.Rows:
		return c.readRows(r, appendValue)
	case sqlgen.Records:
		return c.readRecords(r)
	case sqlgen.Body:
		return c.readBody(r)
	case sqlgen.Tag:
		tag, err := r.Close()
		c.result.Rows, c.result.Body = tag.RowsAffected(), nil
		if !tag.Insert() && !tag.Update() && !tag.Delete() {
			c.result.Rows = 0
		}
		return err
	case sqlgen.Location:
		return c.readLocation(r)
	}
	return c.readExplain(r)
}

func (c *conversation) readColumns(st sent, r *pgconn.ResultReader) error {
	var w *respond.RowWriter
	var exact bool
	if st.columns != nil {
		w, exact = st.columns.writer, st.columns.exact
	} else {
		w, exact = respond.NewRowWriter(r.FieldDescriptions(), c.snapshot.IsPlain)
	}
	if !exact && c.plan.Mutation == nil {
		return errNotPlain
	}
	return c.readRows(r, w.Append)
}

func appendValue(b []byte, values [][]byte) []byte {
	if values[0] == nil {
		return append(b, "null"...)
	}
	return append(b, values[0]...)
}

// readRows joins the rows to an array, or takes the one that is wanted.
func (c *conversation) readRows(r *pgconn.ResultReader, row func([]byte, [][]byte) []byte) error {
	body, one := c.result.Body, c.wantsOne()
	separator := ", \n "
	if f := c.plan.Call; f != nil && f.Function.SetOfScalar() {
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
	c.result.Rows = n
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

// wantsOne tells that the body is one value, not an array.
func (c *conversation) wantsOne() bool {
	if f := c.plan.Call; f != nil && !f.Function.SetOf {
		return true
	}
	return c.plan.Singular()
}

func (c *conversation) readBody(r *pgconn.ResultReader) error {
	if !r.NextRow() {
		return nil
	}
	v := r.Values()
	if v[0] != nil {
		total, err := strconv.ParseInt(string(v[0]), 10, 64)
		if err != nil {
			return err
		}
		c.result.Total = total
	}
	rows, err := strconv.ParseInt(string(v[1]), 10, 64)
	if err != nil {
		return err
	}
	c.result.Rows = rows
	return c.result.Body.Bytes(v[2])
}

// readRecords writes a CSV row by row. Without rows there are no names.
func (c *conversation) readRecords(r *pgconn.ResultReader) error {
	body := c.result.Body
	for r.NextRow() {
		c.result.Rows++
		err := body.Append(func(b []byte) []byte {
			if c.result.Rows == 1 {
				b = respond.AppendHeader(b, r.FieldDescriptions())
			}
			return respond.AppendRecord(append(b, '\n'), r.Values())
		})
		if err != nil {
			return err
		}
	}
	if c.result.Rows == 0 {
		return body.Text("\n")
	}
	return nil
}

func (c *conversation) readLocation(r *pgconn.ResultReader) error {
	key := c.plan.Mutation.PK
	var location []respond.KeyValue
	for r.NextRow() {
		if c.result.Rows++; c.result.Rows > 1 || len(key) == 0 {
			location = nil
			continue
		}
		for i, v := range r.Values() {
			location = append(location, respond.KeyValue{Column: key[i], Value: string(v), Null: v == nil})
		}
	}
	c.result.Location, c.result.Body = location, nil
	return nil
}

func (c *conversation) readExplain(r *pgconn.ResultReader) error {
	for r.NextRow() {
		line := r.Values()[0]
		err := c.result.Body.Append(func(b []byte) []byte { return append(append(b, line...), '\n') })
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *conversation) readCount(_ sent, r *pgconn.ResultReader) error {
	if r.NextRow() {
		n, err := strconv.ParseInt(string(r.Values()[0]), 10, 64)
		if err != nil {
			return err
		}
		c.result.Total = n
	}
	return nil
}

// readPlanned takes the planner's number of rows out of an EXPLAIN.
func (c *conversation) readPlanned(_ sent, r *pgconn.ResultReader) error {
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
	// An estimate counts exactly up to the cap of rows, and plans beyond it.
	if c.request.Prefer.Count == "planned" || c.result.Total > c.Engine.options.MaxRows {
		c.result.Total = max(c.result.Total, plans[0].Plan.Rows)
	}
	return nil
}

func (c *conversation) readSettings(_ sent, r *pgconn.ResultReader) error {
	if !r.NextRow() {
		return nil
	}
	v := r.Values()
	c.result.Headers, c.result.Status = string(v[0]), string(v[1])
	if v[2] != nil {
		n, err := strconv.ParseInt(string(v[2]), 10, 64)
		if err != nil {
			return err
		}
		c.result.Inserted = n
	}
	return nil
}
