package server

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/labstack/echo/v4"
)

// canonicalPaths makes routing ignore letter case in the fixed parts of a path
// and one trailing slash. Parameters and wildcards keep their text. A path that
// matches no route is refused here: the framework would accept an empty
// parameter, and slashes in one that comes last.
type canonicalPaths struct{ root *segment }

// segment is one step of the tree of registered paths.
type segment struct {
	fixed map[string]*segment // by lower-case text
	text  string              // as registered
	param *segment
	ends  map[string]bool // methods of the routes that end here
	rest  map[string]bool // methods of the routes that continue with a wildcard
}

// newCanonicalPaths reads the routes registered so far.
func newCanonicalPaths(e *echo.Echo) *canonicalPaths {
	p := &canonicalPaths{root: &segment{}}
	for _, route := range e.Routes() {
		p.add(route.Method, route.Path)
	}
	return p
}

func (p *canonicalPaths) add(method, path string) {
	at := p.root
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		switch {
		case part == "": // the root path
		case strings.HasPrefix(part, "*"):
			at.rest = with(at.rest, method)
			return
		case strings.HasPrefix(part, ":"):
			if at.param == nil {
				at.param = &segment{}
			}
			at = at.param
		default:
			at = at.child(part)
		}
	}
	at.ends = with(at.ends, method)
}

func (s *segment) child(text string) *segment {
	if s.fixed == nil {
		s.fixed = map[string]*segment{}
	}
	key := strings.ToLower(text)
	if s.fixed[key] == nil {
		s.fixed[key] = &segment{text: text}
	}
	return s.fixed[key]
}

func with(methods map[string]bool, method string) map[string]bool {
	if methods == nil {
		methods = map[string]bool{}
	}
	methods[method] = true
	return methods
}

func (p *canonicalPaths) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		u := c.Request().URL
		if !utf8.ValidString(u.Path) || strings.IndexByte(u.Path, 0) >= 0 {
			return fault.New(http.StatusBadRequest, fault.InvalidInput, "The path is not valid text").
				Next("Percent-encode the path as UTF-8, without NUL characters.")
		}
		path, ok := p.canonical(c.Request().Method, echo.GetPath(c.Request()))
		if !ok {
			return echo.ErrNotFound
		}
		// RequestURI, which errors quote, keeps what was sent.
		if u.RawPath == "" {
			u.Path = path
			return next(c)
		}
		decoded, err := url.PathUnescape(path)
		if err != nil {
			return echo.ErrNotFound
		}
		u.RawPath, u.Path = path, decoded
		return next(c)
	}
}

// canonical returns path as the routes of the method spell it. ok is false
// when none matches.
func (p *canonicalPaths) canonical(method, path string) (_ string, ok bool) {
	if path == "" {
		path = "/"
	}
	if path[0] != '/' { // OPTIONS * and CONNECT
		return "", false
	}
	var room [256]byte // on the stack, for nearly every path
	out, ok := p.root.match(room[:0], method, path)
	switch {
	case !ok:
		return "", false
	case len(out) == 0:
		return "/", true
	case string(out) == path:
		return path, true
	}
	return string(out), true
}

// match appends left, which is empty or starts with a slash, in the spelling
// of the first route below s that it matches. Fixed text wins over a parameter,
// and a parameter over a wildcard.
func (s *segment) match(out []byte, method, left string) (_ []byte, ok bool) {
	if (left == "" || left == "/") && s.ends[method] {
		return out, true
	}
	if left == "" {
		return nil, false
	}
	part := left[1:]
	if end := strings.IndexByte(part, '/'); end >= 0 {
		part = part[:end]
	}
	after := left[1+len(part):]
	if next := s.fixedChild(part); next != nil {
		if found, ok := next.match(append(append(out, '/'), next.text...), method, after); ok {
			return found, true
		}
	}
	if s.param != nil && part != "" {
		if found, ok := s.param.match(append(append(out, '/'), part...), method, after); ok {
			return found, true
		}
	}
	if s.rest[method] {
		return append(out, left...), true
	}
	return nil, false
}

func (s *segment) fixedChild(part string) *segment {
	if next := s.fixed[part]; next != nil {
		return next
	}
	return s.fixed[strings.ToLower(part)]
}
