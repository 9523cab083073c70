package rows

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/naming"
	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// statement is SQL with its parameters.
type statement struct {
	sql  strings.Builder
	args []any
}

func (st *statement) add(parts ...string) {
	for _, p := range parts {
		st.sql.WriteString(p)
	}
}

// param adds a parameter and returns its placeholder, which has the type text.
func (st *statement) param(v any) string {
	st.args = append(st.args, v)
	return "$" + strconv.Itoa(len(st.args)) + "::text"
}

// value adds a value as the column's type reads it. The base type is written
// without modifiers: casting to varchar(3) would cut the text short, storing it
// there is refused.
func (st *statement) value(c column, text *string) string {
	return "CAST(" + st.param(text) + " AS " + c.sql + ")"
}

// Filter requires a column to have a value, given in Postgres's notation.
type Filter struct {
	Column, Value string
}

// where adds the conditions of all filters.
func (st *statement) where(in table, filters []Filter) error {
	for i, f := range filters {
		c, err := in.column(f.Column)
		if err != nil {
			return err
		}
		st.add(conjunction(i), st.same(c, &f.Value))
	}
	return nil
}

func conjunction(i int) string {
	if i == 0 {
		return " WHERE "
	}
	return " AND "
}

// inMilliseconds is a time as answers show it, which the stored one may
// exceed by less than a millisecond.
var inMilliseconds = regexp.MustCompile(`T\d\d:\d\d:\d\d\.\d{3}Z$`)

// same returns the condition that a column has a value, nil for null.
func (st *statement) same(c column, text *string) string {
	name := c.name.SQL()
	switch {
	case text == nil:
		return name + " IS NULL"
	case c.compare == byJSON:
		return name + "::jsonb = " + st.param(text) + "::jsonb"
	case c.compare == byText:
		return name + "::text = " + st.value(c, text) + "::text"
	case c.compare == byTime && inMilliseconds.MatchString(*text):
		from, to := st.value(c, text), st.value(c, text)
		return name + " >= " + from + " AND " + name + " < " + to + " + interval '1 millisecond'"
	}
	return name + " = " + st.value(c, text)
}

// whereKey adds the conditions that a row has a key.
func (st *statement) whereKey(in table, key Values) error {
	if len(key) == 0 {
		return fault.Invalid("pkKeys must not be empty.").Next("Name the row by the columns of its primary key.")
	}
	want := in.keyColumns()
	for _, name := range want {
		if _, ok := key[string(name)]; !ok {
			return wrongKey(in.name, want)
		}
	}
	for i, name := range sorted(key) {
		c, err := in.column(name)
		if err != nil {
			return err
		}
		if len(want) > 0 && !c.key {
			return wrongKey(in.name, want)
		}
		text, err := keyText(c, key[name])
		if err != nil {
			return err
		}
		st.add(conjunction(i), st.same(c, text))
	}
	return nil
}

func wrongKey(t naming.Table, want []naming.Name) *fault.Error {
	names := make([]string, len(want))
	for i, name := range want {
		names[i] = `"` + string(name) + `"`
	}
	return fault.Invalid(fmt.Sprintf("pkKeys must name exactly the primary key of table \"%s\": %s.", t.Name, strings.Join(names, ", ")))
}

// keyText reads a value of a key. It is one that an answer showed, so a string
// in a column of JSON is a JSON string.
func keyText(c column, raw json.RawMessage) (*string, error) {
	if c.base.JSON() && string(raw) != "null" {
		text := string(raw)
		return &text, nil
	}
	return text(c, raw)
}

// text reads a value as Postgres will, or returns 400 INVALID_INPUT.
func text(c column, raw json.RawMessage) (*string, error) {
	s, err := values.Text(c.base, raw)
	if err != nil {
		return nil, fault.Invalid("Column \"" + string(c.name) + "\": " + err.Error())
	}
	return s, nil
}

func sorted(v Values) []string {
	names := make([]string, 0, len(v))
	for name := range v {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// isEmptyText reports whether a value is "", which only a column of text can
// hold.
func isEmptyText(raw json.RawMessage) bool { return string(raw) == `""` }

// update is the statement of Service.Update.
func (in table) update(key, data Values) (*statement, error) {
	if len(data) == 0 {
		return nil, fault.Invalid("data must name at least one column.")
	}
	st := &statement{}
	st.add("UPDATE ", in.name.SQL(), " SET ")
	for i, name := range sorted(data) {
		c, err := in.column(name)
		if err != nil {
			return nil, err
		}
		raw := data[name]
		if !c.text && isEmptyText(raw) {
			if !c.nullable {
				return nil, fault.Invalid("Column \"" + name + "\" must not be empty.").
					Next("Give a value of the column's type.")
			}
			raw = json.RawMessage("null")
		}
		value, err := text(c, raw)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			st.add(", ")
		}
		st.add(c.name.SQL(), " = ", st.value(c, value))
	}
	if err := st.whereKey(in, key); err != nil {
		return nil, err
	}
	st.add(" RETURNING ", in.columnList())
	return st, nil
}

// deletion is a statement of Service.Delete.
func (in table) deletion(key Values) (*statement, error) {
	st := &statement{}
	st.add("DELETE FROM ", in.name.SQL())
	return st, st.whereKey(in, key)
}
