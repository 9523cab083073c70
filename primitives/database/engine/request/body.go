package request

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// Payload is the body as the statement will see it.
type Payload struct {
	// Raw is JSON text, or the plain body of a call with one unnamed
	// parameter. It is nil without a body.
	Raw []byte
	// Object reports whether Raw is a JSON object, not an array.
	Object bool
	// Keys are the payload's columns, sorted, unless columns= says otherwise.
	Keys []string
	// Values are those of the Keys as written in a JSON object; nil for other
	// bodies, and where a key comes twice or is chosen by columns=.
	Values [][]byte
	// Form are the fields of a form, for a call.
	Form []Argument
}

// HasBody reports whether the request's kind reads a body.
func (r *Request) HasBody() bool {
	switch r.Kind {
	case Create, Update, Upsert:
		return true
	case Call:
		return !r.ReadCall
	}
	return false
}

// ErrNoDocument is the error of SetDocument for a body that is neither a JSON
// object nor an array.
var ErrNoDocument = errors.New("the body is neither a JSON object nor an array")

// SetBody parses the body. Errors are PGRST102.
func (r *Request) SetBody(body []byte) error {
	if !r.HasBody() {
		return nil
	}
	if err := r.setBody(body); err != nil {
		return err
	}
	return nil
}

// SetDocument parses a body that must be a JSON object or array, which only a
// call may lack. Errors are ErrNoDocument and PGRST102.
func (r *Request) SetDocument(body []byte) error {
	if !r.HasBody() {
		return nil
	}
	body = r.orNoArguments(body)
	shape, err := scanJSON(body)
	if err != nil || shape.scalar {
		return ErrNoDocument
	}
	if err := r.setShape(body, shape); err != nil {
		return err
	}
	return nil
}

func (r *Request) setBody(body []byte) *Error {
	isCall := r.Kind == Call
	switch {
	case r.Content.Media == JSON:
		return r.setJSON(r.orNoArguments(body))
	case r.Content.Media == CSV:
		return r.setCSV(body)
	case r.Content.Media == Form:
		return r.setForm(body)
	case isCall && (r.Content.Media == Text || r.Content.Media == XML || r.Content.Media == OctetStream):
		r.Payload.Raw = body
		return nil
	}
	return InvalidBody("Content-Type not acceptable: " + r.Content.String())
}

func (r *Request) setJSON(body []byte) *Error {
	if r.Query.Columns != nil { // Postgres takes it apart and says what is wrong
		return r.setShape(body, shape{object: isObject(body)})
	}
	shape, err := scanJSON(body)
	if err != nil {
		return InvalidBody("Empty or invalid json")
	}
	return r.setShape(body, shape)
}

// orNoArguments is the body, or what a call without one is sent.
func (r *Request) orNoArguments(body []byte) []byte {
	if len(body) == 0 && r.Kind == Call {
		return []byte("{}")
	}
	return body
}

// setShape takes in a JSON body whose shape is known.
func (r *Request) setShape(body []byte, shape shape) *Error {
	if r.Query.Columns != nil {
		r.Payload = Payload{Raw: body, Object: shape.object, Keys: sortedSet(r.Query.Columns)}
		return nil
	}
	if !shape.uniform {
		return InvalidBody("All object keys must match")
	}
	r.Payload = Payload{Raw: body, Object: shape.object, Keys: sortedSet(shape.keys)}
	if shape.object && len(r.Payload.Keys) == len(shape.keys) {
		r.Payload.Values = make([][]byte, len(shape.keys))
		for i, key := range shape.keys {
			at, _ := slices.BinarySearch(r.Payload.Keys, key)
			r.Payload.Values[at] = shape.values[i]
		}
	}
	if shape.scalar {
		r.Payload.Raw = []byte("[]")
	}
	return nil
}

func (r *Request) setCSV(body []byte) *Error {
	rows, header, err := csvToJSON(string(body))
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		return InvalidBody("All lines must have same number of fields")
	case err != nil:
		return InvalidBody("The CSV body cannot be read: " + err.Error())
	}
	r.Payload = Payload{Raw: rows, Keys: sortedSet(header)}
	r.useColumns()
	return nil
}

func (r *Request) useColumns() {
	if r.Query.Columns != nil {
		r.Payload.Keys = sortedSet(r.Query.Columns)
	}
}

// csvToJSON turns a CSV with a header line into a JSON array of objects of
// strings; NULL is null.
func csvToJSON(text string) (rows []byte, header []string, err error) {
	reader := csv.NewReader(strings.NewReader(text))
	header, err = reader.Read()
	if err != nil {
		return nil, nil, err
	}
	out := []byte{'['}
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, '{')
		for i, value := range record {
			if i > 0 {
				out = append(out, ',')
			}
			out = AppendString(out, header[i])
			out = append(out, ':')
			if value == "NULL" {
				out = append(out, "null"...)
				continue
			}
			out = AppendString(out, value)
		}
		out = append(out, '}')
	}
	return append(out, ']'), header, nil
}

func (r *Request) setForm(body []byte) *Error {
	pairs := splitQuery(string(body))
	if r.Kind == Call {
		for _, p := range pairs {
			r.Payload.Form = append(r.Payload.Form, Argument{p.key, p.value})
			r.Payload.Keys = append(r.Payload.Keys, p.key)
		}
		r.Payload.Keys = sortedSet(r.Payload.Keys)
		return nil
	}
	members := make(map[string]string, len(pairs))
	for _, p := range pairs {
		members[p.key] = p.value
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return InvalidBody("The form cannot be read")
	}
	keys := make([]string, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	r.Payload = Payload{Raw: raw, Object: true, Keys: sortedSet(keys)}
	r.useColumns()
	return nil
}

func sortedSet(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return slices.Compact(out)
}

func isObject(body []byte) bool {
	for _, c := range body {
		switch c {
		case ' ', '\t', '\n', '\r':
			continue
		}
		return c == '{'
	}
	return false
}

// ScalarText returns the text of a JSON value for a column that is neither an
// array nor a composite; nil is NULL. ok is false for strings whose text only
// Postgres can work out: those with escapes that may stand for what its text
// cannot hold, or that a column of type json would keep.
func ScalarText(value []byte, isJSON bool) (text []byte, ok bool) {
	switch {
	case string(value) == "null":
		return nil, true
	case value[0] != '"':
		return value, true
	case bytes.IndexByte(value, '\\') >= 0 && (isJSON || bytes.Contains(value, []byte(`\u`))):
		return nil, false
	case isJSON:
		return value, true
	}
	return []byte(unquote(value)), true
}
