package standalone

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// filters choose an element of a list of texts, as in .roles[?(@ == "a")]. Each
// is tried before those it begins with.
var filters = []struct {
	operator string
	matches  func(element, text string) bool
}{
	{"^==", strings.HasPrefix}, {"==^", strings.HasSuffix}, {"*==", strings.Contains},
	{"!=", func(a, b string) bool { return a != b }}, {"==", func(a, b string) bool { return a == b }},
}

// parseClaimPath reads .a."b c"[0], and at the end [?(@ == "text")]. A filter
// stays one step, as it was written.
func parseClaimPath(text string) ([]string, error) {
	bad := fmt.Errorf("PGRST_JWT_ROLE_CLAIM_KEY: %q is no path such as .role or .realm.roles[0]", text)
	var path []string
	for text != "" {
		switch {
		case strings.HasPrefix(text, `."`):
			name, rest, ok := strings.Cut(text[2:], `"`)
			if !ok {
				return nil, bad
			}
			path, text = append(path, name), rest
		case text[0] == '.':
			name := text[1:]
			if end := strings.IndexFunc(name, notOfName); end >= 0 {
				name = name[:end]
			}
			if name == "" {
				return nil, bad
			}
			path, text = append(path, name), text[1+len(name):]
		case strings.HasPrefix(text, "[?"):
			step, ok := strings.CutSuffix(text[1:], "]")
			if !ok || filterOf(step) == nil {
				return nil, bad
			}
			return append(path, step), nil
		case text[0] == '[':
			name, rest, ok := strings.Cut(text[1:], "]")
			if !ok {
				return nil, bad
			}
			path, text = append(path, name), rest
		default:
			return nil, bad
		}
	}
	return path, nil
}

// notOfName tells that a name with r in it must be quoted.
func notOfName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && r != '_' && r != '$' && r != '@'
}

// filterOf reads ?(@ == "text"); it is nil for anything else.
func filterOf(step string) func(element string) bool {
	inside, ok := strings.CutPrefix(step, "?(@")
	if !ok || !strings.HasSuffix(inside, ")") {
		return nil
	}
	inside = strings.TrimSpace(strings.TrimSuffix(inside, ")"))
	for _, f := range filters {
		quoted, ok := strings.CutPrefix(inside, f.operator)
		if quoted = strings.TrimSpace(quoted); !ok || len(quoted) < 2 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			continue
		}
		text := quoted[1 : len(quoted)-1]
		return func(element string) bool { return f.matches(element, text) }
	}
	return nil
}

// lookup follows path into claims. What it finds is text, or the JSON of
// another value; ok is false when there is nothing.
func lookup(claims any, path []string) (_ string, ok bool) {
	for _, step := range path {
		switch node := claims.(type) {
		case map[string]any:
			if claims, ok = node[step]; !ok {
				return "", false
			}
		case []any:
			i := indexOf(node, step)
			if i < 0 {
				return "", false
			}
			claims = node[i]
		default:
			return "", false
		}
	}
	if text, ok := claims.(string); ok {
		return text, true
	}
	text, err := json.Marshal(claims)
	return string(text), err == nil
}

// indexOf is the element that a step of a path means, or -1.
func indexOf(list []any, step string) int {
	if matches := filterOf(step); matches != nil {
		return slices.IndexFunc(list, func(v any) bool {
			text, ok := v.(string)
			return ok && matches(text)
		})
	}
	if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(list) {
		return i
	}
	return -1
}
