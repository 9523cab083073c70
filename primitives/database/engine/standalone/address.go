package standalone

import (
	"regexp"
	"slices"
	"strings"
)

// clientSettings are the parts of the database's address that libpq keeps to
// itself. pgx would send them to the server, which knows none of them. Those
// that protect the connection are not among them: no connection is better than
// one without them.
var clientSettings = strings.Fields(`
	keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout
	load_balance_hosts sslcompression client_encoding gssencmode=disable gssencmode=prefer`)

const fallbackName, ownName = "fallback_application_name=", "application_name="

// keyValue is one pair of an address such as host=localhost user=me.
var keyValue = regexp.MustCompile(`(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S*)\s*`)

// databaseAddress is a libpq address without what only libpq understands.
func databaseAddress(text string) string {
	if !strings.Contains(text, "://") {
		pairs := keyValue.FindAllString(text, -1)
		if kept := forServer(pairs); !slices.Equal(pairs, kept) {
			return strings.Join(kept, "")
		}
		return text
	}
	host := max(strings.LastIndexByte(text, '@'), 0) // a password may have a question mark
	base, query, _ := strings.Cut(text[host:], "?")
	pairs := strings.Split(query, "&")
	if kept := forServer(pairs); !slices.Equal(pairs, kept) {
		return text[:host] + base + "?" + strings.Join(kept, "&")
	}
	return text
}

// forServer leaves out the pairs that are client settings. A fallback name
// becomes the name if there is none.
func forServer(pairs []string) []string {
	named := slices.ContainsFunc(pairs, func(p string) bool { return strings.HasPrefix(p, ownName) })
	var kept []string
	for _, p := range pairs {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		name = strings.TrimSpace(name)
		switch pair := name + "=" + strings.TrimSpace(value); {
		case slices.Contains(clientSettings, name), slices.Contains(clientSettings, pair):
		case name+"=" != fallbackName:
			kept = append(kept, p)
		case !named:
			kept = append(kept, strings.TrimPrefix(p, "fallback_"))
		}
	}
	return kept
}
