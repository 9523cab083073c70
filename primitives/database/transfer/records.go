package transfer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/insforge/insforge-go/primitives/database/values"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxRecordBytes bounds one record of a CSV or JSON file, so that an
// unterminated quote does not make the rest of the file one record.
const maxRecordBytes = 32 << 20

// record is a row to be written: the text of a value for each of columns, nil
// for null.
type record struct {
	columns []*columnInfo
	values  []*string
}

// records reads records one by one; io.EOF is the end. Errors are faults that
// name the record.
type records interface {
	next() (record, error)
}

// bounded fails when a record, with what the parser reads ahead, is longer
// than maxRecordBytes.
type bounded struct {
	r    io.Reader
	left int
}

var errLong = errors.New("record too long")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLong
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *bounded) reset() { b.left = maxRecordBytes }

// inRecord is the refusal of a record, counted from 1.
func inRecord(n int, format string, args ...any) *fault.Error {
	return refusedAt(fmt.Sprintf("Row %d: ", n) + fmt.Sprintf(format, args...))
}

// refusedAt is the refusal of a record that the message names.
func refusedAt(message string) *fault.Error {
	return fault.Invalid(message).Next("Correct the row and send the file again. Nothing was written.")
}

func tooLong(n int) *fault.Error {
	return inRecord(n, "it is longer than %d bytes; a quote may not be closed", maxRecordBytes)
}

// csvRecords reads CSV with a header (RFC 4180).
type csvRecords struct {
	in      *bounded
	r       *csv.Reader
	columns []*columnInfo
	n       int
}

func newCSV(r io.Reader, t *targetTable) (*csvRecords, error) {
	in := &bounded{r: r}
	in.reset()
	c := &csvRecords{in: in, r: csv.NewReader(in)}
	c.r.ReuseRecord = true
	header, err := c.r.Read()
	switch {
	case err == io.EOF:
		return nil, fault.Invalid("The file is empty").Next("Send a header of column names and at least one row.")
	case errors.Is(err, errLong):
		return nil, tooLong(0)
	case err != nil:
		return nil, fault.Invalid("The header cannot be read: " + err.Error())
	}
	for _, name := range header {
		column, err := t.column(name)
		if err != nil && len(header) == 1 && strings.ContainsAny(name, ";\t|") {
			return nil, fault.Invalid(message(err)).Next("Separate columns with commas and send the file again. Nothing was written.")
		}
		if err != nil {
			return nil, err
		}
		if slices.Contains(c.columns, column) {
			return nil, fault.Invalid(fmt.Sprintf("The header names column %q twice", name))
		}
		c.columns = append(c.columns, column)
	}
	return c, nil
}

func (c *csvRecords) next() (record, error) {
	c.n++
	c.in.reset()
	fields, err := c.r.Read()
	var parse *csv.ParseError
	switch {
	case err == io.EOF:
		return record{}, io.EOF
	case errors.Is(err, errLong):
		return record{}, tooLong(c.n)
	case errors.Is(err, csv.ErrFieldCount):
		return record{}, inRecord(c.n, "it has %s, the header has %d", count(int64(len(fields)), "field"), len(c.columns))
	case errors.As(err, &parse):
		return record{}, inRecord(c.n, "line %d, byte %d: %v", parse.Line, parse.Column, parse.Err)
	case err != nil:
		return record{}, err
	}
	r := record{columns: c.columns, values: make([]*string, len(fields))}
	for i, field := range fields {
		if field != "" {
			r.values[i] = &field
		}
	}
	return r, nil
}

// jsonRecords reads an array of objects, or one object.
type jsonRecords struct {
	in    *bounded
	d     *json.Decoder
	table *targetTable
	n     int
	one   bool // there is no array around the object
}

func newJSON(r io.Reader, t *targetTable) (*jsonRecords, error) {
	text := bufio.NewReaderSize(r, 64<<10)
	first, err := firstLetter(text)
	if err == io.EOF {
		return nil, fault.Invalid("The file is empty").Next("Send a JSON array of objects.")
	}
	if err != nil {
		return nil, err
	}
	in := &bounded{r: text}
	in.reset()
	j := &jsonRecords{in: in, d: json.NewDecoder(in), table: t, one: first == '{'}
	if j.one {
		return j, nil
	}
	if open, err := j.d.Token(); err != nil || open != json.Delim('[') {
		return nil, fault.Invalid("The file is neither a JSON array of objects nor an object").Because(err)
	}
	return j, nil
}

// firstLetter skips white space and returns the byte after it, unread.
func firstLetter(r *bufio.Reader) (byte, error) {
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(c)) {
			return c, r.UnreadByte()
		}
	}
}

func (j *jsonRecords) next() (record, error) {
	if j.one && j.n == 1 || !j.one && !j.d.More() {
		return record{}, j.end()
	}
	j.n++
	j.in.reset()
	var raw json.RawMessage
	switch err := j.d.Decode(&raw); {
	case errors.Is(err, errLong):
		return record{}, tooLong(j.n)
	case err != nil:
		return record{}, inRecord(j.n, "it is not valid JSON: %v", err)
	case raw[0] != '{':
		return record{}, inRecord(j.n, "it is not an object")
	}
	if half := rest.LoneSurrogate(raw); half != "" {
		return record{}, inRecord(j.n, "it is not valid JSON: %s is half of a character", half)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return record{}, inRecord(j.n, "it is not valid JSON: %v", err)
	}
	if len(members) == 0 {
		return record{}, inRecord(j.n, "it has no fields")
	}
	return j.record(members)
}

// record puts the members in the order of the table.
func (j *jsonRecords) record(members map[string]json.RawMessage) (r record, err error) {
	for name := range members {
		column, err := j.table.column(name)
		if err != nil {
			return r, inRecord(j.n, "%s", message(err))
		}
		r.columns = append(r.columns, column)
	}
	slices.SortFunc(r.columns, func(a, b *columnInfo) int { return a.index - b.index })
	for _, column := range r.columns {
		value, err := values.Text(column.kind, members[column.name])
		if err != nil {
			return r, inRecord(j.n, "column %s: %v", column.name, err)
		}
		if value != nil && *value == "" {
			value = nil
		}
		r.values = append(r.values, value)
	}
	return r, nil
}

// end checks what follows the last record.
func (j *jsonRecords) end() error {
	if !j.one {
		if _, err := j.d.Token(); err != nil { // the bracket
			return fault.Invalid("The JSON array does not end: " + err.Error())
		}
	}
	if _, err := j.d.Token(); err != io.EOF {
		return fault.Invalid("There is text after the JSON")
	}
	return io.EOF
}

func message(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Message
	}
	return err.Error()
}

// copyText is records in the format that COPY reads: the number of the record,
// the number of its set of columns, and the table's columns.
type copyText struct {
	records records
	columns int
	// sets are the distinct sets of columns, in the order they were met.
	sets  [][]*columnInfo
	count int
	err   error // of the records; COPY's own error says less

	byColumns map[string]int
	buffer    bytes.Buffer
	line      []string
}

// maxColumnSets bounds the statements of one upsert.
const maxColumnSets = 200

// Read implements io.Reader.
func (c *copyText) Read(p []byte) (int, error) {
	for c.buffer.Len() < len(p) && c.err == nil {
		c.err = c.fill()
	}
	if c.buffer.Len() == 0 {
		return 0, c.err
	}
	return c.buffer.Read(p)
}

func (c *copyText) fill() error {
	r, err := c.records.next()
	if err != nil {
		return err
	}
	c.count++
	set, err := c.set(r.columns)
	if err != nil {
		return err
	}
	if c.line == nil {
		c.line = make([]string, c.columns)
	}
	for i := range c.line {
		c.line[i] = `\N`
	}
	for i, column := range r.columns {
		if v := r.values[i]; v != nil {
			c.line[column.index] = escapeCopy.Replace(*v)
		}
	}
	fmt.Fprintf(&c.buffer, "%d\t%d", c.count, set)
	for _, v := range c.line {
		c.buffer.WriteByte('\t')
		c.buffer.WriteString(v)
	}
	c.buffer.WriteByte('\n')
	return nil
}

var escapeCopy = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// set returns the number of a set of columns.
func (c *copyText) set(columns []*columnInfo) (int, error) {
	var key strings.Builder
	for _, column := range columns {
		fmt.Fprintf(&key, "%d ", column.index)
	}
	n, known := c.byColumns[key.String()]
	if known {
		return n, nil
	}
	if len(c.sets) == maxColumnSets {
		return 0, inRecord(c.count, "the file has more than %d different sets of columns", maxColumnSets)
	}
	n = len(c.sets)
	c.byColumns[key.String()] = n
	c.sets = append(c.sets, slices.Clone(columns))
	return n, nil
}
