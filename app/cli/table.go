package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"
)

// printTable prints rows under a head, in aligned columns. Cells must be
// printable.
func printTable(w io.Writer, head []string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	lines := make([]string, len(head))
	for i, h := range head {
		lines[i] = strings.Repeat("-", utf8.RuneCountInString(h))
	}
	for _, row := range append([][]string{head, lines}, rows...) {
		fmt.Fprintln(t, strings.Join(row, "\t")) // tabwriter keeps the error for Flush
	}
	return t.Flush()
}

// cell is a JSON value as text: strings without quotes, null as SQL has it.
func cell(value json.RawMessage) string {
	var s *string
	if err := json.Unmarshal(value, &s); err != nil {
		return printable(string(value))
	}
	if s == nil {
		return "NULL"
	}
	return printable(*s)
}

// printable escapes what a terminal would obey or not show. Anyone may have
// written the data.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// printJSON prints a value for programs.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
