package server

import (
	"strings"

	"github.com/labstack/echo/v4"
)

// canonicalPaths makes routing forgive letter case in the fixed parts of a
// path and one trailing slash. Parameters keep their case.
type canonicalPaths struct{ root *segment }

// segment is one step of the tree of registered paths.
type segment struct {
	fixed map[string]*segment // by lower-case text
	text  string              // as registered
	param *segment
	rest  bool // a wildcard: whatever follows belongs to it
}

// newCanonicalPaths reads the routes registered so far.
func newCanonicalPaths(e *echo.Echo) *canonicalPaths {
	p := &canonicalPaths{root: &segment{}}
	for _, route := range e.Routes() {
		p.add(route.Path)
	}
	return p
}

func (p *canonicalPaths) add(path string) {
	at := p.root
	for _, part := range strings.Split(strings.Trim(path, "/"), "/") {
		switch {
		case strings.HasPrefix(part, "*"):
			at.rest = true
			return
		case strings.HasPrefix(part, ":"):
			if at.param == nil {
				at.param = &segment{}
			}
			at = at.param
		default:
			if at.fixed == nil {
				at.fixed = map[string]*segment{}
			}
			key := strings.ToLower(part)
			if at.fixed[key] == nil {
				at.fixed[key] = &segment{text: part}
			}
			at = at.fixed[key]
		}
	}
}

func (p *canonicalPaths) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		if path := p.canonical(u.Path); path != u.Path {
			// The original stays in RequestURI, which errors quote.
			u.Path = path
		}
		if u.RawPath != "" {
			u.RawPath = p.canonical(u.RawPath)
		}
		return next(c)
	}
}

// canonical returns path as the routes spell it. It returns path unchanged
// where no route could match.
func (p *canonicalPaths) canonical(path string) string {
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	var out strings.Builder
	at, left := p.root, strings.TrimPrefix(path, "/")
	for left != "" {
		part, after, more := strings.Cut(left, "/")
		next := at.fixed[part]
		if next == nil {
			next = at.fixed[strings.ToLower(part)]
		}
		switch {
		case next != nil:
			part = next.text
		case at.param != nil:
			next = at.param
		default:
			out.WriteByte('/')
			out.WriteString(left)
			return out.String()
		}
		out.WriteByte('/')
		out.WriteString(part)
		if !more {
			return out.String()
		}
		at, left = next, after
	}
	return path
}
