package sqltext

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Name returns the identifier that t spells: a word in lower case, a quoted
// name without its quotes and escapes. ok is false when t is not a name, or has
// escapes that cannot be read.
func (t Token) Name() (name string, ok bool) {
	switch {
	case t.Kind == Word:
		return lower(t.Text), true
	case t.Kind != QuotedName:
		return "", false
	case t.Text[0] == '"':
		return unquote(t.Text), true
	}
	return unescape(unquote(t.Text[len("U&"):]), t.escape)
}

func unquote(s string) string { return strings.ReplaceAll(s[1:len(s)-1], `""`, `"`) }

// unescape resolves the escapes of U&"…": \0061, \+000061 and \\. Surrogate
// pairs are not joined, since no name that the package looks for needs one.
func unescape(s string, escape byte) (string, bool) {
	if escape == 0 {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != escape {
			b.WriteByte(s[i])
			continue
		}
		rest := s[i+1:]
		if len(rest) > 0 && rest[0] == escape {
			b.WriteByte(escape)
			i++
			continue
		}
		from, to := 0, 4
		if strings.HasPrefix(rest, "+") {
			from, to = 1, 7
		}
		if len(rest) < to {
			return "", false
		}
		code, err := strconv.ParseUint(rest[from:to], 16, 32)
		if err != nil || !utf8.ValidRune(rune(code)) {
			return "", false
		}
		b.WriteRune(rune(code))
		i += to
	}
	return b.String(), true
}

// Constant returns the text of a plain string constant, '…'. ok is false for
// all others.
func (t Token) Constant() (text string, ok bool) {
	if t.Kind != String || t.Text[0] != '\'' || strings.ContainsAny(t.Text, "\r\n") { // it may continue on the next line
		return "", false
	}
	return strings.ReplaceAll(t.Text[1:len(t.Text)-1], "''", "'"), true
}

// qualified reads a name with its qualifiers from the front of tokens and
// returns its last part, and what follows. ok is false when tokens begin with
// anything else.
func qualified(tokens []Token) (name string, rest []Token, ok bool) {
	for {
		if len(tokens) == 0 {
			return "", nil, false
		}
		if name, ok = tokens[0].Name(); !ok {
			return "", tokens, false
		}
		tokens = tokens[1:]
		if len(tokens) > 1 && tokens[0].Is("uescape") {
			tokens = tokens[2:]
		}
		if len(tokens) == 0 || tokens[0].Text != "." {
			return name, tokens, true
		}
		tokens = tokens[1:]
	}
}

// skip drops leading keywords.
func skip(tokens []Token, keywords ...string) []Token {
	for len(tokens) > 0 && tokens[0].IsAny(keywords...) {
		tokens = tokens[1:]
	}
	return tokens
}

const forbiddenWord = "set_config"

// mentionsSetConfig reports whether the forbidden word is anywhere in text,
// in any case, with no letter, digit or underscore around it.
func mentionsSetConfig(text string) bool {
	for i := 0; ; {
		u := strings.IndexByte(text[i:], '_')
		if u < 0 {
			return false
		}
		i += u + 1
		from := i - len("set_")
		to := from + len(forbiddenWord)
		if from < 0 || to > len(text) || lower(text[from:to]) != forbiddenWord {
			continue
		}
		if (from == 0 || !isWordByte(text[from-1])) && (to == len(text) || !isWordByte(text[to])) {
			return true
		}
	}
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c) || c == '_'
}
