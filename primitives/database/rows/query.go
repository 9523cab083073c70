package rows

import (
	"slices"
	"strconv"
	"strings"
)

// Query selects a part of a table.
type Query struct {
	Limit, Offset int64
	// Search is text that any column of text holds, in any case; empty for
	// all rows.
	Search string
	Sort   []Order
	Filter *Filter
}

// Order sorts by a column.
type Order struct {
	Column     string
	Descending bool
}

// list returns the statements of Service.List: the rows, and their number.
func (in table) list(q Query) (selection, count *statement, err error) {
	selection, count = &statement{}, &statement{}
	selection.add("SELECT ", in.columnList(), " FROM ", in.name.SQL())
	count.add("SELECT count(*) FROM ", in.name.SQL())
	for _, st := range []*statement{selection, count} {
		if err := st.matching(in, q); err != nil {
			return nil, nil, err
		}
	}
	order, err := in.order(q.Sort)
	if err != nil {
		return nil, nil, err
	}
	if len(order) > 0 {
		selection.add(" ORDER BY ", strings.Join(order, ", "))
	}
	selection.add(" LIMIT ", strconv.FormatInt(q.Limit, 10), " OFFSET ", strconv.FormatInt(q.Offset, 10))
	return selection, count, nil
}

// matching adds the conditions of a query.
func (st *statement) matching(in table, q Query) error {
	conditions := 0
	if q.Filter != nil {
		if err := st.where(in, []Filter{*q.Filter}); err != nil {
			return err
		}
		conditions++
	}
	if q.Search == "" {
		return nil
	}
	alternatives := []string{"false"} // without columns of text nothing is found
	pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(q.Search) + "%"
	for _, c := range in.columns {
		if c.text {
			alternatives = append(alternatives, c.name.SQL()+"::text ILIKE "+st.param(pattern))
		}
	}
	st.add(conjunction(conditions), "(", strings.Join(alternatives, " OR "), ")")
	return nil
}

// order returns the sort expressions, the primary key last: without it, pages
// would overlap where rows compare equal.
func (in table) order(sort []Order) ([]string, error) {
	var out, named []string
	for _, o := range sort {
		c, err := in.column(o.Column)
		if err != nil {
			return nil, err
		}
		direction := " ASC"
		if o.Descending {
			direction = " DESC"
		}
		out, named = append(out, c.name.SQL()+direction), append(named, o.Column)
	}
	for _, name := range in.keyColumns() {
		if !slices.Contains(named, string(name)) {
			out = append(out, name.SQL())
		}
	}
	return out, nil
}
