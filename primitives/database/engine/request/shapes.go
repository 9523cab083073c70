package request

import (
	"crypto/rand"
	"strings"
)

// An application compares the same columns with ever new values. Shapes take
// the values of plain comparisons out of a query string, so that what was made
// from one request serves all others that differ only in those values. A mark
// takes the place of a value, from the request to the parameters of its
// statement: nothing in between looks at what a column is compared with.
type Shapes struct{ mark string }

// NewShapes returns Shapes whose marks no text of a client contains.
func NewShapes() Shapes { return Shapes{"\x01" + rand.Text()} }

// maxValues bounds the values taken out of one query string; each has a letter.
const maxValues = 26

// Of returns the query string with marks for values, and the values. They are
// not looked for in conditions within and= and or=, nor in lists.
func (s Shapes) Of(rawQuery string) (shape string, values []string) {
	var marked []byte
	done := 0
	for at := 0; at < len(rawQuery) && len(values) < maxValues; {
		end := len(rawQuery)
		if i := strings.IndexAny(rawQuery[at:], "&;"); i >= 0 {
			end = at + i
		}
		if i := operandAt(rawQuery[at:end]); i > 0 {
			marked = append(append(marked, rawQuery[done:at+i]...), s.mark...)
			marked = append(marked, 'A'+byte(len(values)))
			values = append(values, decode(rawQuery[at+i:end]))
			done = end
		}
		at = end + 1
	}
	if values == nil {
		return rawQuery, nil
	}
	return string(append(marked, rawQuery[done:]...)), values
}

// operandAt returns where the operand of a plain comparison begins in a
// parameter, which is up to the end; 0 where there is none.
func operandAt(parameter string) int {
	key, operation, _ := strings.Cut(parameter, "=")
	if strings.ContainsAny(key, "%+") {
		return 0
	}
	switch key {
	case "", "select", "columns", "on_conflict":
		return 0
	}
	switch lastWord(key) {
	case "order", "and", "or", "limit", "offset":
		return 0
	}
	operator, operand, _ := strings.Cut(strings.TrimPrefix(operation, "not."), ".")
	switch operator {
	case "eq", "neq", "gt", "gte", "lt", "lte":
		if operand != "" {
			return len(parameter) - len(operand)
		}
	}
	return 0
}

// Arguments returns the parameters of a statement with values for their marks.
func (s Shapes) Arguments(args [][]byte, values []string) [][]byte {
	filled := make([][]byte, len(args))
	for i, arg := range args {
		filled[i] = arg
		if len(arg) == len(s.mark)+1 && string(arg[:len(s.mark)]) == s.mark {
			filled[i] = []byte(values[arg[len(s.mark)]-'A'])
		}
	}
	return filled
}

// WithValues returns the request that r, parsed from a shape, stands for. Its
// filters still have the marks.
func (s Shapes) WithValues(r *Request, values []string) *Request {
	mark := "%01" + s.mark[1:]
	var b strings.Builder
	rest := r.Query.Canonical
	for {
		before, after, found := strings.Cut(rest, mark)
		b.WriteString(before)
		if !found {
			break
		}
		Escape(&b, values[after[0]-'A'])
		rest = after[1:]
	}
	own := *r
	own.Query.Canonical = b.String()
	return &own
}
