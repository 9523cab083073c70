package logging

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
)

const blot = "[redacted]"

// shape is a kind of secret that can be recognised by its form.
type shape struct {
	hints   []string // one must occur in the line before the pattern is tried
	pattern *regexp.Regexp
	with    []byte
}

// shapes are keys, JWTs, bearer tokens, passwords in connection strings, JSON
// and SQL, password hashes. Lines are JSON, so quotes within a message appear
// as \".
var shapes = []shape{
	{[]string{"ik_"}, regexp.MustCompile(`\bik_[A-Za-z0-9-]{20,}`), []byte("ik_" + blot)},
	{[]string{"anon_"}, regexp.MustCompile(`\banon_[A-Za-z0-9-]{20,}`), []byte("anon_" + blot)},
	{[]string{"eyJ"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`), []byte(blot)},
	{[]string{"Bearer "}, regexp.MustCompile(`\bBearer [A-Za-z0-9+/=._~-]{16,}`), []byte("Bearer " + blot)},
	{[]string{"://"}, regexp.MustCompile(`(://[^:/?#\s"]*):[^/?#\s"]+@`), []byte("$1:" + blot + "@")},
	{[]string{"$2"}, regexp.MustCompile(`\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}`), []byte(blot)},
	{[]string{"SCRAM-SHA-256$"}, regexp.MustCompile(`SCRAM-SHA-256\$[^"'\s\\]+`), []byte(blot)},
	// "password":"…" as a field of the line, and in JSON within a message.
	{passwordHints, regexp.MustCompile(`(?i)(password"\s*:\s*")(?:[^"\\]|\\.)+`), []byte("${1}" + blot)},
	{passwordHints, regexp.MustCompile(`(?i)(password\\"\s*:\s*\\")(?:[^"\\]|\\\\(?:\\.|[^"\\]))+`), []byte("${1}" + blot)},
	// ALTER ROLE … PASSWORD '…'
	{passwordHints, regexp.MustCompile(`(?i)(password\s+'|password'?\s*[:=]\s*')(?:[^'"\\]|''|\\.)+'`), []byte("${1}" + blot + "'")},
	// password=… in a URL or connection string.
	{passwordHints, regexp.MustCompile(`(?i)(password=)[^\s"'\\&]+`), []byte("${1}" + blot)},
}

var passwordHints = []string{"assword", "ASSWORD"}

// minSecret keeps a short configured secret from removing half of every line;
// shapes still catch it where it matters.
const minSecret = 8

type redactor struct{ secrets [][]byte }

func newRedactor(secrets []string) redactor {
	var r redactor
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		for _, form := range spellings(s) {
			r.secrets = append(r.secrets, []byte(form))
		}
	}
	// The longest first: a secret may begin with another.
	slices.SortFunc(r.secrets, func(a, b []byte) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), bytes.Compare(a, b))
	})
	r.secrets = slices.CompactFunc(r.secrets, bytes.Equal)
	return r
}

// spellings returns how s appears in a line of JSON: as it is, escaped as a
// part of a string, escaped twice where the string holds JSON, and in URLs.
func spellings(s string) []string {
	return []string{
		s,
		escape(s, false),
		escape(escape(s, false), false),
		escape(escape(s, true), false),
		url.QueryEscape(s),
		url.PathEscape(s),
		url.UserPassword("", s).String()[1:],
	}
}

// escape returns s as it appears between the quotes of a JSON string. The
// logger leaves &, < and > alone; encoding/json, which made the JSON within a
// message, does not.
func escape(s string, html bool) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(html)
	_ = e.Encode(s) // a string encodes
	quoted := bytes.TrimSpace(out.Bytes())
	return string(quoted[1 : len(quoted)-1])
}

// clean returns lines without secrets. Secrets and hints are looked for in all
// lines at once, which is cheap; patterns are tried line by line, where one
// cannot reach into the next line.
func (r redactor) clean(lines []byte) []byte {
	for _, s := range r.secrets {
		if bytes.Contains(lines, s) {
			lines = bytes.ReplaceAll(lines, s, []byte(blot))
		}
	}
	for _, s := range shapes {
		if s.hinted(lines) {
			lines = s.clean(lines)
		}
	}
	return lines
}

func (s shape) hinted(b []byte) bool {
	return slices.ContainsFunc(s.hints, func(hint string) bool { return bytes.Contains(b, []byte(hint)) })
}

func (s shape) clean(lines []byte) []byte {
	out := make([]byte, 0, len(lines))
	for line := range bytes.Lines(lines) {
		if s.hinted(line) {
			line = s.pattern.ReplaceAll(line, s.with)
		}
		out = append(out, line...)
	}
	return out
}
