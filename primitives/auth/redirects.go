package auth

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// maxRedirectBytes bounds what is matched for a caller who may be anybody.
const maxRedirectBytes = 2048

// forbiddenSchemes lead a browser into a page's own context, or to what only
// the browser has, rather than to an application. Nothing is ever sent there.
var forbiddenSchemes = []string{"javascript", "data", "file", "vbscript", "blob", "about", "view-source"}

// redirectAllowed reports whether a browser may be sent to target. An empty
// list allows every URL. An entry is a URL, or a glob over one: * is any run
// within a path segment or the host, ** crosses slashes in the path (and a
// trailing /** may be absent), ? is one character, [a-z] a class, {a,b}
// alternatives. Scheme and port match literally.
func redirectAllowed(list []string, target string) bool {
	scheme, _, _ := strings.Cut(target, ":")
	if slices.Contains(forbiddenSchemes, strings.ToLower(scheme)) {
		return false
	}
	if len(list) == 0 {
		return true
	}
	if len(target) > maxRedirectBytes {
		return false
	}
	normal, ok := normalRedirect(target)
	if !ok {
		return false
	}
	at, ok := splitRedirect(normal)
	return slices.ContainsFunc(list, func(entry string) bool {
		if plain, ok := normalRedirect(entry); ok && plain == normal {
			return true
		}
		pattern, isPattern := splitRedirect(entry)
		return ok && isPattern && pattern.matches(at)
	})
}

// normalRedirect spells a URL as browsers resolve it: scheme and host in
// lower case, no default port, no trailing slash, and always a slash between
// the host and a query, so that no query passes for the end of a host. URLs
// with a password or with dot segments, which hide where they lead, are not
// ok.
func normalRedirect(text string) (normal string, ok bool) {
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

// isWeb reports whether URLs of a scheme name a host on the network, and not
// something of an app's own.
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

// redirectParts are the parts of a URL that are matched apart, so that no
// wildcard in one reaches into another.
type redirectParts struct{ scheme, host, port, path string }

var (
	schemeForm = regexp.MustCompile(`^[a-z][a-z0-9+.\-]*$`)
	portForm   = regexp.MustCompile(`^[0-9]{1,5}$`)
)

// splitRedirect takes apart a URL or a glob over one; path is the rest from
// the slash or the question mark on. ok is false for what is neither.
func splitRedirect(text string) (p redirectParts, ok bool) {
	scheme, rest, found := strings.Cut(text, "://")
	p.scheme = strings.ToLower(scheme)
	if !found || !schemeForm.MatchString(p.scheme) || slices.Contains(forbiddenSchemes, p.scheme) {
		return redirectParts{}, false
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
		return redirectParts{}, false
	}
	p.host = authority
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		p.host, p.port = authority[:colon], authority[colon+1:]
		if !portForm.MatchString(p.port) {
			return redirectParts{}, false
		}
	}
	if p.port == defaultPort(p.scheme) {
		p.port = ""
	}
	return p, true
}

// matches reports whether p, as a glob, matches the parts of a URL.
func (p redirectParts) matches(at redirectParts) bool {
	return p.scheme == at.scheme && p.port == at.port && hostGlob(p.host).MatchString(at.host) && pathGlob(p.path).MatchString(at.path)
}

// never matches nothing.
var never = regexp.MustCompile(`[^\s\S]`)

// compiled returns a regular expression; what cannot be compiled matches
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

// isIPv6 reports whether a host is an address in brackets, which are no
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

// redirectEntry is the rule for an entry of the list of allowed redirects: it
// returns a complaint or "". An entry for the web names more of a host than
// wildcards.
func redirectEntry(entry string) string {
	const complaint = "Invalid URL or wildcard URL"
	if len(entry) > maxRedirectBytes || strings.ContainsFunc(entry, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return complaint
	}
	p, ok := splitRedirect(entry)
	if !ok || (isWeb(p.scheme) && strings.Trim(p.host, "*?.") == "") {
		return complaint
	}
	if hostGlob(p.host) == never || pathGlob(p.path) == never {
		return complaint
	}
	return ""
}

// withParams returns target with query parameters, names and values in turn.
// They replace those of the same names; the others stay as they are.
func withParams(target string, params ...string) (string, error) {
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

// writeGlob writes a glob as a regular expression.
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
