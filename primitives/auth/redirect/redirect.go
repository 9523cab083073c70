// Package redirect decides where browsers may be sent: it matches the URLs
// that callers ask for against the project's list of allowed ones, and adds
// the parameters that they carry.
//
// It refuses schemes that never lead to an application, URLs that hide where
// they lead, and wildcards that would let any host in. It is pure: no tables,
// no routes, no network.
package redirect

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// MaxBytes bounds the length of a URL to match: anyone may send one.
const MaxBytes = 2048

// forbiddenSchemes run in the context of a page or name something local to
// the browser; none leads to an application.
var forbiddenSchemes = []string{"javascript", "data", "file", "vbscript", "blob", "about", "view-source"}

// Allowed reports whether a browser may be sent to target. An empty list
// allows every URL. An entry is a URL or a glob: * matches any run of
// characters within a path segment or the host, ** crosses slashes in the path
// (and a trailing /** also matches nothing), ? is one character, [a-z] a class
// and {a,b} are alternatives. Scheme and port match literally.
func Allowed(list []string, target string) bool {
	scheme, _, _ := strings.Cut(target, ":")
	if slices.Contains(forbiddenSchemes, strings.ToLower(scheme)) {
		return false
	}
	if len(list) == 0 {
		return true
	}
	if len(target) > MaxBytes {
		return false
	}
	normal, ok := normalize(target)
	if !ok {
		return false
	}
	to, ok := split(normal)
	return slices.ContainsFunc(list, func(entry string) bool {
		if plain, ok := normalize(entry); ok && plain == normal {
			return true
		}
		pattern, isPattern := split(entry)
		return ok && isPattern && pattern.matches(to)
	})
}

// normalize writes a URL the way browsers resolve it: scheme and host in lower
// case, no default port, no trailing slash, and always a slash between host and
// query, so that a query cannot pass for the end of the host. ok is false for
// URLs with user information or dot segments, which hide where they lead.
func normalize(text string) (normal string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.User != nil || slices.Contains(strings.Split(u.Path, "/"), "..") {
		return "", false
	}
	if u.Host == "" && isWeb(u.Scheme) {
		return "", false
	}
	u.Host = strings.ToLower(u.Host)
	if u.Port() != "" && u.Port() == defaultPort(u.Scheme) {
		u.Host = u.Host[:strings.LastIndexByte(u.Host, ':')]
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return strings.TrimSuffix(u.String(), "/"), true
}

// isWeb reports whether URLs of a scheme name a host on the network, as
// opposed to the schemes that apps register for themselves.
func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }

func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// parts are the parts of a URL, matched separately so that a wildcard in one
// cannot reach into another.
type parts struct{ scheme, host, port, path string }

var (
	schemeForm = regexp.MustCompile(`^[a-z][a-z0-9+.\-]*$`)
	portForm   = regexp.MustCompile(`^[0-9]{1,5}$`)
)

// split splits a URL or a glob into its parts; path is everything from the
// slash or the question mark on. ok is false for text that is neither.
func split(text string) (p parts, ok bool) {
	scheme, rest, found := strings.Cut(text, "://")
	p.scheme = strings.ToLower(scheme)
	if !found || !schemeForm.MatchString(p.scheme) || slices.Contains(forbiddenSchemes, p.scheme) {
		return parts{}, false
	}
	end := len(rest)
	if i := strings.IndexAny(rest, "/#"); i >= 0 {
		end = i
	}
	// A question mark is a wildcard, unless a query follows it.
	if i := strings.IndexByte(rest[:end], '?'); i >= 0 && strings.Contains(rest[i:], "=") {
		end = i
	}
	authority := strings.ToLower(rest[:end])
	if p.path = rest[end:]; p.path != "" && p.path[0] != '/' {
		p.path = "/" + p.path
	}
	if strings.ContainsAny(authority, "@\\ ") {
		return parts{}, false
	}
	p.host = authority
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		p.host, p.port = authority[:colon], authority[colon+1:]
		if !portForm.MatchString(p.port) {
			return parts{}, false
		}
	}
	if p.port == defaultPort(p.scheme) {
		p.port = ""
	}
	return p, true
}

// matches reports whether p, read as a glob, matches the parts of a URL.
func (p parts) matches(u parts) bool {
	return p.scheme == u.scheme && p.port == u.port && hostGlob(p.host).MatchString(u.host) && pathGlob(p.path).MatchString(u.path)
}

// never matches nothing.
var never = regexp.MustCompile(`[^\s\S]`)

// compiled compiles a regular expression. One that does not compile matches
// nothing.
func compiled(text string) *regexp.Regexp {
	re, err := regexp.Compile(text)
	if err != nil {
		return never
	}
	return re
}

func hostGlob(glob string) *regexp.Regexp {
	if isIPv6(glob) {
		return compiled(`^` + regexp.QuoteMeta(glob) + `$`)
	}
	var re strings.Builder
	re.WriteByte('^')
	writeGlob(&re, strings.ReplaceAll(glob, "**", "*"))
	return compiled(re.String() + `$`)
}

// isIPv6 reports whether a host is an IPv6 address, whose brackets are not a
// character class.
func isIPv6(host string) bool {
	inner, ok := strings.CutPrefix(host, "[")
	if !ok {
		return false
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
	return err == nil && addr.Is6()
}

func pathGlob(glob string) *regexp.Regexp {
	var re strings.Builder
	re.WriteByte('^')
	glob, deep := strings.CutSuffix(glob, "/**")
	if !deep {
		glob = strings.TrimSuffix(glob, "/")
	}
	writeGlob(&re, glob)
	if deep {
		re.WriteString(`(?:/.*)?`)
	}
	return compiled(re.String() + `$`)
}

// CheckEntry is the validation rule for an entry of the list: it returns a
// complaint, or "" for a good entry. The host of a web URL must consist of more
// than wildcards.
func CheckEntry(entry string) string {
	const complaint = "Invalid URL or wildcard URL"
	if len(entry) > MaxBytes || strings.ContainsFunc(entry, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return complaint
	}
	p, ok := split(entry)
	if !ok || (isWeb(p.scheme) && strings.Trim(p.host, "*?.") == "") {
		return complaint
	}
	if hostGlob(p.host) == never || pathGlob(p.path) == never {
		return complaint
	}
	return ""
}

// WithParams returns target with query parameters added, given as alternating
// names and values. They replace parameters of the same name; all others are
// left unchanged.
func WithParams(target string, params ...string) (string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", err
	}
	var pairs []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if pair != "" && !isParam(params, name) {
			pairs = append(pairs, pair)
		}
	}
	for i := 0; i+1 < len(params); i += 2 {
		pairs = append(pairs, url.QueryEscape(params[i])+"="+url.QueryEscape(params[i+1]))
	}
	u.RawQuery = strings.Join(pairs, "&")
	return u.String(), nil
}

// isParam reports whether name is among the names of params.
func isParam(params []string, name string) bool {
	for i := 0; i < len(params); i += 2 {
		if params[i] == name {
			return true
		}
	}
	return false
}

// writeGlob translates a glob into a regular expression.
func writeGlob(re *strings.Builder, glob string) {
	braces := 0
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; {
		case strings.HasPrefix(glob[i:], "**"):
			re.WriteString(`.*`)
			i++
		case c == '*':
			re.WriteString(`[^/]*`)
		case c == '?':
			re.WriteString(`[^/]`)
		case c == '[' && strings.IndexByte(glob[i:], ']') > 1:
			end := i + strings.IndexByte(glob[i:], ']')
			class := glob[i+1 : end]
			if negated, ok := strings.CutPrefix(class, "!"); ok {
				class = "^" + negated
			}
			re.WriteString("[" + strings.ReplaceAll(class, `[`, `\[`) + "]")
			i = end
		case c == '{':
			braces++
			re.WriteString(`(?:`)
		case c == '}' && braces > 0:
			braces--
			re.WriteByte(')')
		case c == ',' && braces > 0:
			re.WriteByte('|')
		default:
			re.WriteString(regexp.QuoteMeta(glob[i : i+1]))
		}
	}
}
