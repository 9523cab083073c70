package standalone

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/insforge/insforge-go/primitives/database/engine/schema"
)

// settings are the values by their names in the environment. Reading one
// puts it among the effective ones; a name that is never read is unknown.
type settings struct {
	sources   *Sources
	values    map[string]string
	effective map[string]string
	// inDatabase are the names whose values come from the database.
	inDatabase map[string]bool
	errs       []error
}

const (
	prefix    = "PGRST_"
	appPrefix = prefix + "APP_SETTINGS_"
)

// aliases are older names.
var aliases = map[string]string{
	"PGRST_DB_SCHEMA":        "PGRST_DB_SCHEMAS",
	"PGRST_DB_POOL_TIMEOUT":  "PGRST_DB_POOL_MAX_IDLETIME",
	"PGRST_MAX_ROWS":         "PGRST_DB_MAX_ROWS",
	"PGRST_PRE_REQUEST":      "PGRST_DB_PRE_REQUEST",
	"PGRST_ROOT_SPEC":        "PGRST_DB_ROOT_SPEC",
	"PGRST_ROLE_CLAIM_KEY":   "PGRST_JWT_ROLE_CLAIM_KEY",
	"PGRST_SECRET_IS_BASE64": "PGRST_JWT_SECRET_IS_BASE64",
	"PGRST_SERVER_PROXY_URI": "PGRST_OPENAPI_SERVER_PROXY_URI",
}

// emptyMeans reports whether an empty value of a setting counts as given.
func emptyMeans(name string) bool {
	return strings.HasPrefix(name, appPrefix) || name == "PGRST_DB_EXTRA_SEARCH_PATH"
}

// settings puts the environment over the file. Like PostgREST it takes an empty
// value for none, with few exceptions.
func (s *Sources) settings() (*settings, error) {
	e := &settings{sources: s, values: map[string]string{}, effective: map[string]string{}}
	if s.file != "" {
		var err error
		if e.values, err = s.parseFile(); err != nil {
			return nil, err
		}
	}
	for _, entry := range s.environ {
		name, value, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, prefix) && (value != "" || emptyMeans(name)) {
			e.values[name] = value
		}
	}
	for old, name := range aliases {
		value, ok := e.values[old]
		delete(e.values, old)
		if _, newer := e.values[name]; ok && !newer {
			e.values[name] = value
		}
	}
	return e, nil
}

// over returns settings with values of the database, by names such as
// db_schemas, over those of e. An empty one takes the default's place.
func (e *settings) over(database map[string]string) *settings {
	out := &settings{sources: e.sources, values: maps.Clone(e.values), effective: map[string]string{}, inDatabase: map[string]bool{}}
	for key, value := range database {
		name := prefix + strings.ToUpper(key)
		out.values[name], out.inDatabase[name] = value, true
		if value == "" && !emptyMeans(name) {
			delete(out.values, name)
		}
	}
	return out
}

func (e *settings) text(name, fallback string) string {
	v, ok := e.values[name]
	if !ok {
		v = fallback
	}
	e.effective[name] = v
	return v
}

// hidden is shown in place of secrets.
const hidden = "***"

// listing is the effective settings by PostgREST's names for them, for the
// administrator. Secrets are hidden.
func (e *settings) listing() []schema.Setting {
	all := maps.Clone(e.effective)
	for name := range e.values {
		if strings.HasPrefix(name, appPrefix) {
			all[name] = hidden
		}
	}
	for _, secret := range []string{"PGRST_JWT_SECRET", "PGRST_DB_URI"} {
		if all[secret] != "" {
			all[secret] = hidden
		}
	}
	out := make([]schema.Setting, 0, len(all))
	for name, value := range all {
		key := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, prefix)), "_", "-")
		if setting, ok := strings.CutPrefix(name, appPrefix); ok {
			key = "app.settings." + strings.ToLower(setting)
		}
		out = append(out, schema.Setting{Name: key, Value: value})
	}
	slices.SortFunc(out, func(a, b schema.Setting) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// unknown are the given names that no setting has.
func (e *settings) unknown() (names []string) {
	for name := range e.values {
		if _, known := e.effective[name]; !known && !strings.HasPrefix(name, appPrefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (e *settings) complain(name, format string, args ...any) {
	e.errs = append(e.errs, fmt.Errorf(name+" "+format, args...))
}

func (e *settings) list(name, fallback string) []string {
	var out []string
	for part := range strings.SplitSeq(e.text(name, fallback), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (e *settings) number(name string, fallback int64) int64 {
	if _, given := e.values[name]; !given {
		if fallback >= 0 {
			e.effective[name] = strconv.FormatInt(fallback, 10)
		}
		return fallback
	}
	v := e.text(name, "")
	n, err := strconv.ParseInt(v, 10, 32)
	if err != nil || n < 0 {
		e.complain(name, "must be a number of zero or more, not %q", v)
		return fallback
	}
	return n
}

func (e *settings) seconds(name string, fallback int64) time.Duration {
	return time.Duration(e.number(name, fallback)) * time.Second
}

func (e *settings) port(name string, fallback int64) int64 {
	n := e.number(name, fallback)
	if n > 65535 {
		e.complain(name, "%d is not a port number", n)
		return fallback
	}
	return n
}

func (e *settings) flag(name string, fallback bool) bool {
	switch v := strings.ToLower(e.text(name, strconv.FormatBool(fallback))); v {
	case "true", "yes", "on", "1":
		return true
	case "false", "no", "off", "0":
		return false
	default:
		e.complain(name, "must be true or false, not %q", v)
		return fallback
	}
}

// oneOf reads a word; the first of the allowed ones is the default.
func (e *settings) oneOf(name string, allowed ...string) string {
	v := e.text(name, allowed[0])
	if !slices.Contains(allowed, v) {
		e.complain(name, "must be one of %s, not %q", strings.Join(allowed, ", "), v)
	}
	return v
}

// socketMode reads octal permissions.
func (e *settings) socketMode() fs.FileMode {
	const name = "PGRST_SERVER_UNIX_SOCKET_MODE"
	v := e.text(name, "660")
	mode, err := strconv.ParseUint(v, 8, 32)
	if err != nil || mode < 0o600 || mode > 0o777 {
		e.complain(name, "must be octal and between 600 and 777, not %q", v)
	}
	return fs.FileMode(mode)
}

func (e *settings) appSettings() (all []schema.Setting) {
	for name, value := range e.values {
		if setting, ok := strings.CutPrefix(name, appPrefix); ok {
			all = append(all, schema.Setting{Name: "app.settings." + strings.ToLower(setting), Value: value})
		}
	}
	slices.SortFunc(all, func(a, b schema.Setting) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// audience reads whom tokens must be meant for: any text, or a URI if it has
// a colon. RFC 7519 §2, StringOrURI.
func (e *settings) audience() string {
	const name = "PGRST_JWT_AUD"
	v := e.text(name, "")
	if u, err := url.Parse(v); strings.Contains(v, ":") && (err != nil || u.Scheme == "") {
		e.complain(name, "has a colon but is not a URI")
	}
	return v
}

// secret reads what tokens are checked with.
func (e *settings) secret() []byte {
	const name = "PGRST_JWT_SECRET"
	text := e.fileOrText(name, "")
	if !e.flag("PGRST_JWT_SECRET_IS_BASE64", false) || text == "" {
		return []byte(text)
	}
	standard := strings.NewReplacer("_", "/", "-", "+", ".", "=").Replace(strings.TrimSpace(text))
	secret, err := base64.StdEncoding.DecodeString(standard)
	if err != nil { // not the decoder's message: it is about the secret
		e.complain(name, "is not base64, as PGRST_JWT_SECRET_IS_BASE64 says")
	}
	return secret
}

// fileOrText reads a value that may be @ and the path of a file that holds
// it, in one line or without a line end.
func (e *settings) fileOrText(name, fallback string) string {
	v := e.text(name, fallback)
	path, ok := strings.CutPrefix(v, "@")
	switch {
	case !ok:
		return v
	case e.inDatabase[name]: // those who may set it there need not be allowed to read files here
		e.complain(name, "comes from the database, where it cannot name a file")
		return ""
	}
	text, err := e.sources.read(path)
	if err != nil {
		e.complain(name, "names a file: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
}

// parseFile reads a configuration file of PostgREST: lines of the form
// db-schemas = "api, other", and comments that begin with #. In quotes, $(NAME)
// is a variable of the environment and $$ a dollar sign.
func (s *Sources) parseFile() (map[string]string, error) {
	text, err := s.read(s.file)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		value, err := parseValue(strings.TrimSpace(value), s.environ)
		if !ok || err != nil { // never the line: it may hold a secret
			return nil, fmt.Errorf(`%s: line %d is not of the form name = "text" (%w)`, s.file, number, cmp.Or(err, errNoValue))
		}
		name := prefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(strings.TrimSpace(key)))
		if value != "" || emptyMeans(name) {
			values[name] = value
		}
	}
	return values, nil
}

// What is wrong with a line.
var (
	errNoValue   = errors.New("there is no value")
	errNoQuote   = errors.New("a quote is open or an escape unknown")
	errAfter     = errors.New("there is more after the value")
	errDollar    = errors.New("a dollar sign is written $$, a variable $(NAME)")
	errNoneOfIts = errors.New("a variable is not in the environment")
)

// parseValue reads text in quotes, a number or a boolean, and a comment after
// it.
func parseValue(text string, environ []string) (string, error) {
	if !strings.HasPrefix(text, `"`) {
		word, _, _ := strings.Cut(text, "#")
		if word = strings.TrimSpace(word); word == "" || strings.ContainsAny(word, " \t\"[]{}") {
			return "", errNoValue
		}
		return word, nil
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", errNoQuote
	}
	if after := strings.TrimSpace(text[len(quoted):]); after != "" && after[0] != '#' {
		return "", errAfter
	}
	value, err := strconv.Unquote(quoted)
	if err != nil {
		return "", errNoQuote
	}
	return interpolate(value, environ)
}

func interpolate(text string, environ []string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			text = rest[1:]
			continue
		}
		name, after, closed := strings.Cut(strings.TrimPrefix(rest, "("), ")")
		if !closed || rest[0] != '(' {
			return "", errDollar
		}
		i := slices.IndexFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
		if i < 0 || name == "" {
			return "", errNoneOfIts
		}
		b.WriteString(environ[i][len(name)+1:])
		text = after
	}
}
