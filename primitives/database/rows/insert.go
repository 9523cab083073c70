package rows

import (
	"strconv"
	"strings"
)

// group is rows that set the same columns. values holds, for each column, one
// value per row.
type group struct {
	columns []column
	values  [][]*string
	rows    []int // positions in the request
}

// groups sorts rows by the columns they set, in the order of appearance.
// Empty text for a column of another type means that its default applies.
func (in table) groups(rows []Values) ([]*group, error) {
	var all []*group
	bySet := map[string]*group{}
	for i, row := range rows {
		columns, texts, err := in.cells(row)
		if err != nil {
			return nil, err
		}
		set := make([]string, len(columns))
		for j, c := range columns {
			set[j] = c.name.SQL()
		}
		id := strings.Join(set, ",")
		g := bySet[id]
		if g == nil {
			g = &group{columns: columns, values: make([][]*string, len(columns))}
			bySet[id] = g
			all = append(all, g)
		}
		g.rows = append(g.rows, i)
		for j, t := range texts {
			g.values[j] = append(g.values[j], t)
		}
	}
	return all, nil
}

// cells returns the columns that a row sets, by name, and their values.
func (in table) cells(row Values) (columns []column, texts []*string, err error) {
	for _, name := range sorted(row) {
		c, err := in.column(name)
		if err != nil {
			return nil, nil, err
		}
		if !c.text && isEmptyText(row[name]) {
			continue
		}
		t, err := text(c, row[name])
		if err != nil {
			return nil, nil, err
		}
		columns, texts = append(columns, c), append(texts, t)
	}
	return columns, texts, nil
}

// insertion writes a group with one statement, however many rows it has. A
// group that sets nothing consists of defaults.
func (in table) insertion(g *group) *statement {
	st := &statement{}
	st.add("INSERT INTO ", in.name.SQL())
	if len(g.columns) == 0 {
		st.add(" SELECT FROM generate_series(1, ", strconv.Itoa(len(g.rows)), ")")
	} else {
		names, casts := make([]string, len(g.columns)), make([]string, len(g.columns))
		arrays, aliases := make([]string, len(g.columns)), make([]string, len(g.columns))
		for i, c := range g.columns {
			names[i] = c.name.SQL()
			aliases[i] = "c" + strconv.Itoa(i)
			casts[i] = "CAST(v." + aliases[i] + " AS " + c.sql + ")"
			arrays[i] = st.param(g.values[i]) + "[]"
		}
		st.add(" (", strings.Join(names, ", "), ") SELECT ", strings.Join(casts, ", "),
			" FROM unnest(", strings.Join(arrays, ", "), ") WITH ORDINALITY AS v (", strings.Join(aliases, ", "), ", nth) ORDER BY v.nth")
	}
	st.add(" RETURNING ", in.columnList())
	return st
}
