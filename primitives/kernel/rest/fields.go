package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/google/uuid"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

// Fields reads the members of a JSON object and collects what is wrong with
// them, in the wording that clients of the contract know. Read every member
// first, then ask Err once.
type Fields struct {
	object map[string]json.RawMessage
	path   string // with a trailing dot, or empty at the root
	issues *[]string
}

func newFields(object map[string]json.RawMessage) *Fields {
	return &Fields{object: object, issues: new([]string)}
}

// Err returns 400 INVALID_INPUT with all complaints, or nil.
func (f *Fields) Err() error {
	if len(*f.issues) == 0 {
		return nil
	}
	return fault.Invalid(strings.Join(*f.issues, ", ")).
		Next("Correct the named fields and send the request again.")
}

// complain records an issue with a member; name "" is the object itself.
func (f *Fields) complain(name, text string) {
	path := strings.TrimSuffix(f.path+name, ".")
	*f.issues = append(*f.issues, path+": "+text)
}

// Complain records an issue that the rules here do not cover.
func (f *Fields) Complain(name, text string) { f.complain(name, text) }

// Has reports whether the member is present, even if null.
func (f *Fields) Has(name string) bool {
	_, ok := f.object[name]
	return ok
}

// Only complains about members of other names.
func (f *Fields) Only(names ...string) {
	var others []string
	for _, name := range slices.Sorted(maps.Keys(f.object)) {
		if !slices.Contains(names, name) {
			others = append(others, "'"+name+"'")
		}
	}
	if len(others) > 0 {
		f.complain("", "Unrecognized key(s) in object: "+strings.Join(others, ", "))
	}
}

// Raw returns the member's JSON text, nil when absent.
func (f *Fields) Raw(name string) json.RawMessage { return f.object[name] }

// StringRule checks a string and returns a complaint or "".
type StringRule func(string) string

// MinLength requires at least n UTF-16 code units, as JavaScript counts them.
func MinLength(n int) StringRule {
	return func(s string) string {
		// A unit takes three bytes at most: a long text need not be counted.
		if len(s) < 3*n && len(utf16.Encode([]rune(s))) < n {
			return fmt.Sprintf("String must contain at least %d character(s)", n)
		}
		return ""
	}
}

// MaxLength requires at most n UTF-16 code units.
func MaxLength(n int) StringRule {
	return func(s string) string {
		if len(utf16.Encode([]rune(s))) > n {
			return fmt.Sprintf("String must contain at most %d character(s)", n)
		}
		return ""
	}
}

// The address rule of the contract: ASCII, no leading, trailing or double
// dots in the local part, a top-level domain of two letters or more.
var email = regexp.MustCompile(`^[A-Za-z0-9_'+\-]+(\.[A-Za-z0-9_'+\-]+)*@([A-Za-z0-9]([A-Za-z0-9\-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}$`)

// Email requires an e-mail address without spaces around it.
func Email(s string) string {
	if len(s) > 320 || !email.MatchString(s) {
		return "Invalid email"
	}
	return ""
}

// URL requires an absolute URL of any scheme.
func URL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || (u.Host == "" && u.Path == "" && u.Opaque == "") {
		return "Invalid url"
	}
	return ""
}

// UUID requires a UUID in its usual form of 36 characters.
func UUID(s string) string {
	if len(s) != 36 || uuid.Validate(s) != nil {
		return "Invalid uuid"
	}
	return ""
}

// NoNUL requires a string that Postgres can hold.
func NoNUL(s string) string {
	if strings.ContainsRune(s, 0) {
		return "String must not contain NUL characters"
	}
	return ""
}

// Trimmed applies rules to the string without the spaces around it.
func Trimmed(rules ...StringRule) StringRule {
	return func(s string) string {
		s = strings.TrimSpace(s)
		for _, rule := range rules {
			if text := rule(s); text != "" {
				return text
			}
		}
		return ""
	}
}

// String returns a required string.
func (f *Fields) String(name string, rules ...StringRule) string {
	if !f.Has(name) {
		f.complain(name, "Required")
		return ""
	}
	s := f.OptString(name, rules...)
	if s == nil {
		return ""
	}
	return *s
}

// OptString returns a string that may be absent (nil); null is refused.
func (f *Fields) OptString(name string, rules ...StringRule) *string {
	s, ok := optional[string](f, name, "string")
	if !ok {
		return nil
	}
	for _, rule := range rules {
		if text := rule(s); text != "" {
			f.complain(name, text)
			return nil
		}
	}
	return &s
}

// Bool returns a required boolean.
func (f *Fields) Bool(name string) bool {
	if !f.Has(name) {
		f.complain(name, "Required")
		return false
	}
	b, _ := optional[bool](f, name, "boolean")
	return b
}

// OptBool returns a boolean that may be absent (nil).
func (f *Fields) OptBool(name string) *bool {
	if b, ok := optional[bool](f, name, "boolean"); ok {
		return &b
	}
	return nil
}

// OptInt returns an integer within least and most that may be absent (nil).
func (f *Fields) OptInt(name string, least, most int) *int {
	n, ok := optional[float64](f, name, "number")
	if !ok {
		return nil
	}
	switch {
	case n != math.Trunc(n):
		f.complain(name, "Expected integer, received float")
	case n < float64(least):
		f.complain(name, "Number must be greater than or equal to "+strconv.Itoa(least))
	case n > float64(most):
		f.complain(name, "Number must be less than or equal to "+strconv.Itoa(most))
	default:
		i := int(n)
		return &i
	}
	return nil
}

// Enum returns a required string from a fixed set.
func (f *Fields) Enum(name string, allowed ...string) string {
	if !f.Has(name) {
		f.complain(name, "Required")
		return ""
	}
	s, ok := optional[string](f, name, quoteAll(allowed))
	if !ok {
		return ""
	}
	if !slices.Contains(allowed, s) {
		f.complain(name, fmt.Sprintf("Invalid enum value. Expected %s, received '%s'", quoteAll(allowed), s))
		return ""
	}
	return s
}

// Tag returns the string that says which of several shapes the object has;
// "" when it is absent or null.
func (f *Fields) Tag(name string, allowed ...string) string {
	raw := f.Raw(name)
	if raw == nil || isNull(raw) {
		return ""
	}
	var s string
	if json.Unmarshal(raw, &s) != nil || !slices.Contains(allowed, s) {
		f.complain(name, "Invalid discriminator value. Expected "+quoteAll(allowed))
		return ""
	}
	return s
}

func quoteAll(words []string) string {
	return "'" + strings.Join(words, "' | '") + "'"
}

// Strings returns an array of strings that may be absent (nil). rules apply
// to each element.
func (f *Fields) Strings(name string, rules ...StringRule) []string {
	raws, ok := f.array(name)
	if !ok {
		return nil
	}
	out := make([]string, 0, len(raws))
	for i, raw := range raws {
		element := &Fields{object: map[string]json.RawMessage{strconv.Itoa(i): raw}, path: f.path + name + ".", issues: f.issues}
		out = append(out, element.String(strconv.Itoa(i), rules...))
	}
	return out
}

// Object returns a nested object. When it is absent or not an object, ok is
// false; only the latter is a complaint.
func (f *Fields) Object(name string) (nested *Fields, ok bool) {
	m, ok := optional[map[string]json.RawMessage](f, name, "object")
	if !ok {
		return nil, false
	}
	return &Fields{object: m, path: f.path + name + ".", issues: f.issues}, true
}

// Objects calls read with each object of an array that may be absent.
func (f *Fields) Objects(name string, read func(*Fields)) {
	raws, ok := f.array(name)
	if !ok {
		return
	}
	for i, raw := range raws {
		element := &Fields{object: map[string]json.RawMessage{strconv.Itoa(i): raw}, path: f.path + name + ".", issues: f.issues}
		if nested, ok := element.Object(strconv.Itoa(i)); ok {
			read(nested)
		}
	}
}

// RequireElements complains unless the array has at least n elements.
func (f *Fields) RequireElements(name string, n int) {
	if !f.Has(name) {
		f.complain(name, "Required")
		return
	}
	var raws []json.RawMessage // null is not an array: reading it complains
	if !isNull(f.object[name]) && json.Unmarshal(f.object[name], &raws) == nil && len(raws) < n {
		f.complain(name, fmt.Sprintf("Array must contain at least %d element(s)", n))
	}
}

func (f *Fields) array(name string) ([]json.RawMessage, bool) {
	return optional[[]json.RawMessage](f, name, "array")
}

// optional decodes a member of the JSON type that expected names. ok is false
// when it is absent or of another type, which is a complaint.
func optional[T any](f *Fields, name, expected string) (v T, ok bool) {
	raw, present := f.object[name]
	if !present {
		return v, false
	}
	if isNull(raw) || json.Unmarshal(raw, &v) != nil {
		f.complain(name, "Expected "+expected+", received "+typeName(raw))
		return v, false
	}
	return v, true
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(raw, []byte("null")) }

func typeName(raw json.RawMessage) string {
	switch {
	case len(raw) == 0:
		return "undefined"
	case isNull(raw):
		return "null"
	case raw[0] == '{':
		return "object"
	case raw[0] == '[':
		return "array"
	case raw[0] == '"':
		return "string"
	case raw[0] == 't' || raw[0] == 'f':
		return "boolean"
	}
	return "number"
}
