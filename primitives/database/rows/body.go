package rows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// maxRows bounds the rows of one request.
const maxRows = 10_000

// readRows reads a body that is an array of at least one object.
func readRows(c rest.Context) ([]Values, error) {
	raw, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
		return nil, fault.Invalid(": Required").Next("Send a JSON array of objects, one for each row.")
	case !utf8.Valid(raw): // decoding would replace the bytes and change what was sent
		return nil, fault.Invalid("Invalid JSON body: not UTF-8").Next("Encode the body as UTF-8.")
	case rest.LoneSurrogate(raw) != "":
		return nil, fault.Invalid("Invalid JSON body: " + rest.LoneSurrogate(raw) + " is half of a character").Next("Encode characters beyond U+FFFF as pairs of escapes, or as they are.")
	}
	rows, err := readList(raw, "")
	if err == nil && len(rows) == 0 {
		return nil, fault.Invalid(": Array must contain at least 1 element(s)")
	}
	return rows, err
}

// readList reads an array of objects; path says where it was found.
func readList(raw json.RawMessage, path string) ([]Values, error) {
	var elements []json.RawMessage
	if !json.Valid(raw) {
		return nil, fault.Invalid("Invalid JSON body: " + json.Unmarshal(raw, &elements).Error()).Next("Send a JSON array of objects.")
	}
	if raw[0] != '[' || json.Unmarshal(raw, &elements) != nil {
		return nil, fault.Invalid(path + ": Expected array").Next("Send a JSON array of objects.")
	}
	if len(elements) > maxRows {
		return nil, fault.Invalid(fmt.Sprintf("%s: Array must contain at most %d element(s)", path, maxRows)).
			Next("Send the rest in further requests.")
	}
	if path != "" {
		path += "."
	}
	rows := make([]Values, len(elements))
	for i, element := range elements {
		if element[0] != '{' || json.Unmarshal(element, &rows[i]) != nil {
			return nil, fault.Invalid(fmt.Sprintf("%s%d: Expected object", path, i)).Next("Send a JSON array of objects.")
		}
	}
	return rows, nil
}
