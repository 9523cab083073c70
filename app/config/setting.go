package config

import (
	"encoding"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Setting is one thing that the environment can set.
type Setting struct {
	// Name is the environment variable. Formerly is an older name, which is
	// read where Name is not set.
	Name, Formerly string
	// Default is what an unset variable means, written as its value would be;
	// "" leaves that to Description.
	Default     string
	Description string
	value
}

// value is how the text of a setting is read, and where it goes.
type value struct {
	// Allowed says in words what the text may be, to follow "want"; "" is any.
	Allowed string
	// Secret reports whether neither errors nor logs may show the text, which
	// is at kept.
	Secret bool
	kept   *string
	// set stores the text, or reports false and stores nothing. It is nil for
	// what a part of the product other than this package reads.
	set func(text string) bool
	// check returns an error when the text that was stored must not be used. name
	// is the variable that gave it. It is nil when set decides alone.
	check func(name string) error
}

// Help returns what the setting is for and what it may be, in one line.
func (s Setting) Help() string {
	help := s.Description
	if s.Allowed != "" {
		help += " (" + s.Allowed + ")"
	}
	if s.Formerly != "" {
		help += " (formerly " + s.Formerly + ")"
	}
	return help
}

// Check returns an error that says what is allowed, unless text is.
func (s Setting) Check(text string) error {
	if s.set == nil || s.set(text) {
		return nil
	}
	return fmt.Errorf("want %s", s.Allowed)
}

// load stores the default, or what values hold under the setting's names.
func (s Setting) load(values map[string]string) error {
	if s.set == nil {
		return nil
	}
	if s.Default != "" && !s.set(s.Default) {
		panic("config: the default of " + s.Name + " is not allowed")
	}
	name := s.Name
	text, given := values[name]
	if !given && s.Formerly != "" {
		name = s.Formerly
		text, given = values[name]
	}
	if !given {
		return nil
	}
	err := s.Check(text)
	switch {
	case err == nil && s.check != nil:
		return s.check(name)
	case err == nil:
		return nil
	case s.Secret:
		return fmt.Errorf("%s is not allowed: %w", name, err)
	}
	return fmt.Errorf("%s is %q: %w", name, text, err)
}

func text(to *string) value {
	return value{set: func(text string) bool { *to = text; return true }}
}

func secret(to *string) value {
	v := text(to)
	v.Secret, v.kept = true, to
	return v
}

func number(to *int, least, most int) value {
	return value{
		Allowed: fmt.Sprintf("a number from %d to %d", least, most),
		set: func(text string) bool {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil || n < least || n > most {
				return false
			}
			*to = n
			return true
		},
	}
}

func yesOrNo(to *bool) value {
	return value{
		Allowed: "true or false",
		set: func(text string) bool {
			switch strings.ToLower(strings.TrimSpace(text)) {
			case "true", "t", "1", "yes", "on":
				*to = true
			case "false", "f", "0", "no", "off":
				*to = false
			default:
				return false
			}
			return true
		},
	}
}

func oneOf(to *string, words ...string) value {
	last := len(words) - 1
	return value{
		Allowed: strings.Join(words[:last], ", ") + " or " + words[last],
		set: func(text string) bool {
			if !slices.Contains(words, text) {
				return false
			}
			*to = text
			return true
		},
	}
}

// parsed is for types that read themselves; allowed says what they accept.
func parsed(to encoding.TextUnmarshaler, allowed string) value {
	return value{
		Allowed: allowed,
		set:     func(text string) bool { return to.UnmarshalText([]byte(text)) == nil },
	}
}

// readElsewhere is for what a part of the product reads by itself.
func readElsewhere(allowed string) value { return value{Allowed: allowed} }
