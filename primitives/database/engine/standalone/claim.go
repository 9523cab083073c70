package standalone

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The steps of the path of the role as PostgREST reads it: .a."b c"[0], at the
// end a filter such as [?(@ == "text")] and a slice of the text such as [1:-1].
// Newer releases read JSONPath too: $.a['b c'][-1][?@ == "text"].
var (
	claimSteps = expressions(`\.([\pL\pN_$@]+)`, `\."([^"]*)"`, `\[(\d+)\]`, `\[(-?\d*:(?:-?\d+)?)\]$`,
		`\[(\?\(@ *(?:==\^|\^==|\*==|==|!=) *"[^"]*"\))\]`)
	jsonSteps = expressions(`\.([\pL\pN_]+)`, `\["([^"]*)"\]`, `\['([^']*)'\]`, `\[(-?\d+)\]`,
		`\[(\?\(@ *[=!]= *(?:"[^"]*"|'[^']*')\))\]`, `\[(\?@ *[=!]= *(?:"[^"]*"|'[^']*'))\]`,
		`\[(\?(?:search|match)\(@, *(?:"[^"]*"|'[^']*')\))\]`)

	filterStep = regexp.MustCompile(`^\?(search|match)?\(?@,? *([=!^*]*=\^?)? *["'](.*)["']\)?$`)
	sliceStep  = regexp.MustCompile(`^(-?\d*):(-?\d*)$`)
)

func expressions(texts ...string) []*regexp.Regexp {
	list := make([]*regexp.Regexp, 0, len(texts))
	for _, t := range texts {
		list = append(list, regexp.MustCompile("^"+t))
	}
	return list
}

// parseClaimPath reads the path of the role. Filters and slices stay as they
// were written.
func parseClaimPath(text string) ([]string, error) {
	bad := fmt.Errorf("PGRST_JWT_ROLE_CLAIM_KEY: %q is not a path such as .role or .realm.roles[0]", text)
	steps := claimSteps
	rest, isJSON := strings.CutPrefix(text, "$")
	if isJSON {
		steps = jsonSteps
	}
	var path []string
	for filtered := false; rest != ""; {
		var m []string
		for _, step := range steps {
			if m = step.FindStringSubmatch(rest); m != nil {
				break
			}
		}
		if m == nil || filtered && !sliceStep.MatchString(m[1]) {
			return nil, bad
		}
		if filterStep.MatchString(m[1]) {
			filtered = true
			if filterOf(m[1]) == nil {
				return nil, bad
			}
		}
		path, rest = append(path, m[1]), rest[len(m[0]):]
	}
	return path, nil
}

// filterOf reads ?(@ == "text") and ?search(@, "pattern"); it is nil for
// anything else.
func filterOf(step string) func(element string) bool {
	m := filterStep.FindStringSubmatch(step)
	if m == nil {
		return nil
	}
	text := m[3]
	switch m[1] + m[2] {
	case "==":
		return func(element string) bool { return element == text }
	case "!=":
		return func(element string) bool { return element != text }
	case "^==":
		return func(element string) bool { return strings.HasPrefix(element, text) }
	case "==^":
		return func(element string) bool { return strings.HasSuffix(element, text) }
	case "*==":
		return func(element string) bool { return strings.Contains(element, text) }
	case "match":
		text = "^(?:" + text + ")$"
		fallthrough
	case "search":
		if pattern, err := regexp.Compile(text); err == nil {
			return pattern.MatchString
		}
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
		case string:
			text := sliceOf([]rune(node), step)
			if text == "" {
				return "", false
			}
			claims = text
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
	i, err := strconv.Atoi(step)
	if err == nil && i < 0 {
		i += len(list)
	}
	if err != nil || i < 0 || i >= len(list) {
		return -1
	}
	return i
}

// sliceOf is the part of text that a step such as 1:-1 means.
func sliceOf(text []rune, step string) string {
	m := sliceStep.FindStringSubmatch(step)
	if m == nil {
		return ""
	}
	bound := func(s string, missing int) int {
		i, err := strconv.Atoi(s)
		if err != nil {
			return missing
		}
		if i < 0 {
			i += len(text)
		}
		return min(max(i, 0), len(text))
	}
	from, to := bound(m[1], 0), bound(m[2], len(text))
	return string(text[from:max(from, to)])
}
