package logging

import (
	"bytes"
	"io"
	"regexp"
)

const blot = "[redacted]"

// shapes are secrets that can be told by their form: keys, JWTs, passwords in
// connection strings and bcrypt hashes.
var shapes = []struct {
	hint    []byte // must occur in the line before the pattern is tried
	pattern *regexp.Regexp
	with    []byte
}{
	{[]byte("ik_"), regexp.MustCompile(`\bik_[A-Za-z0-9+/=_-]{8,}`), []byte("ik_" + blot)},
	{[]byte("anon_"), regexp.MustCompile(`\banon_[A-Za-z0-9+/=_-]{16,}`), []byte("anon_" + blot)},
	{[]byte("eyJ"), regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`), []byte(blot)},
	{[]byte("://"), regexp.MustCompile(`(://[^:/?#\s"]*):[^@/\s"]+@`), []byte("$1:" + blot + "@")},
	{[]byte("$2"), regexp.MustCompile(`\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}`), []byte(blot)},
	{[]byte("SCRAM-SHA-256$"), regexp.MustCompile(`SCRAM-SHA-256\$[^"'\s\\]+`), []byte(blot)},
	{[]byte("assword"), regexp.MustCompile(`(?i)(password["']?\s*[:=]?\s*\\?["'])[^"'\\]+`), []byte("${1}" + blot)},
}

// minSecret keeps a short configured secret from blotting out half of every
// line; shapes still catch it where it matters.
const minSecret = 8

type redactor struct{ secrets [][]byte }

func newRedactor(secrets []string) redactor {
	var r redactor
	for _, s := range secrets {
		if len(s) >= minSecret {
			r.secrets = append(r.secrets, []byte(s))
		}
	}
	return r
}

func (r redactor) clean(line []byte) []byte {
	for _, s := range r.secrets {
		if bytes.Contains(line, s) {
			line = bytes.ReplaceAll(line, s, []byte(blot))
		}
	}
	for _, s := range shapes {
		if bytes.Contains(line, s.hint) {
			line = s.pattern.ReplaceAll(line, s.with)
		}
	}
	return line
}

func (r redactor) writer(w io.Writer) io.Writer { return redactingWriter{redactor: r, next: w} }

// redactingWriter gets whole lines from zerolog, so no secret is split over
// two writes.
type redactingWriter struct {
	redactor
	next io.Writer
}

// Write implements io.Writer.
func (w redactingWriter) Write(line []byte) (int, error) {
	if _, err := w.next.Write(w.clean(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}
