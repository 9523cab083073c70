package auth

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// maxRedirectBytes bounds what is matched for a caller who may be anybody.
const maxRedirectBytes = 2048

// redirectAllowed reports whether a browser may be sent to target. An empty
// list allows every URL. An entry is a URL, or a glob over one: * is any run
// within a path segment or the host, ** crosses slashes (and a trailing /**
// may be absent), ? is one character, [a-z] a class, {a,b} alternatives.
// Scheme and port match literally.
func redirectAllowed(list []string, target string) bool {
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
	return slices.ContainsFunc(list, func(entry string) bool {
		if plain, ok := normalRedirect(entry); ok && plain == normal {
			return true
		}
		return redirectGlob(entry).MatchString(normal)
	})
}

// normalRedirect spells a URL as browsers resolve it: scheme and host in
// lower case, no default port, no trailing slash, and always a slash between
// the host and a query, so that no query passes for the end of a host. URLs
// with a password or with dot segments, which hide where they lead, are not
// ok.
func normalRedirect(text string) (normal string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || slices.Contains(strings.Split(u.Path, "/"), "..") {
		return "", false
	}
	u.Host = strings.ToLower(u.Host)
	if (u.Scheme == "https" && u.Port() == "443") || (u.Scheme == "http" && u.Port() == "80") {
		u.Host = u.Host[:strings.LastIndexByte(u.Host, ':')]
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return strings.TrimSuffix(u.String(), "/"), true
}

// never matches nothing.
var never = regexp.MustCompile(`[^\s\S]`)

// redirectGlob compiles an entry of the list. What cannot be compiled matches
// nothing.
func redirectGlob(entry string) *regexp.Regexp {
	scheme, rest, ok := strings.Cut(entry, "://")
	if !ok {
		return never
	}
	var re strings.Builder
	re.WriteString(`^` + regexp.QuoteMeta(strings.ToLower(scheme)+"://"))
	host, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	// The brackets of an IPv6 address are no character class.
	if end := strings.IndexByte(host, ']'); strings.HasPrefix(host, "[") && end > 0 {
		re.WriteString(regexp.QuoteMeta(strings.ToLower(host[:end+1])))
		host = host[end+1:]
	}
	path, deep := strings.CutSuffix(path, "/**")
	if !deep {
		path = strings.TrimSuffix(path, "/")
	}
	writeGlob(&re, strings.ToLower(host)+path)
	if deep {
		re.WriteString(`(?:/.*)?`)
	}
	compiled, err := regexp.Compile(re.String() + `$`)
	if err != nil {
		return never
	}
	return compiled
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
			re.WriteString(regexp.QuoteMeta(string(rune(c))))
		}
	}
}
