package catalog

import "strings"

// splitTrigger extracts a trigger's condition (nil for none) and what it
// executes from its definition. Postgres prints neither on its own.
func splitTrigger(definition string) (condition *string, statement string) {
	const when, execute = " WHEN (", " EXECUTE FUNCTION "
	conditionAt, depth := -1, 0
	var quote byte
	for i := range len(definition) {
		switch b := definition[i]; {
		case quote != 0: // a doubled quote closes and opens again
			if b == quote {
				quote = 0
			}
		case b == '"', b == '\'':
			quote = b
		case b == '(':
			depth++
		case b == ')':
			depth--
		case b != ' ' || depth > 0:
		case strings.HasPrefix(definition[i:], when):
			conditionAt = i + len(when)
		case strings.HasPrefix(definition[i:], execute):
			if conditionAt >= 0 {
				text := strings.TrimSuffix(definition[conditionAt:i], ")")
				condition = &text
			}
			return condition, definition[i+1:]
		}
	}
	return nil, definition
}
