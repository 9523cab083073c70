package smtp

import (
	"errors"
	address "net/mail"
	"strings"
	"unicode"

	"github.com/wneessen/go-mail"
)

// build makes the mail of m. It has the headers set here and no others,
// whatever m holds. It returns an error for an invalid address.
func build(m Message) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	for _, list := range []struct {
		set       func(...*address.Address)
		addresses []string
	}{{msg.ToMailAddress, m.To}, {msg.CcMailAddress, m.CC}, {msg.BccMailAddress, m.BCC}, {msg.ReplyToMailAddress, optional(m.ReplyTo)}} {
		if len(list.addresses) == 0 {
			continue
		}
		parsed, err := parse(list.addresses)
		if err != nil {
			return nil, err
		}
		list.set(parsed...)
	}
	from, err := parse([]string{m.From})
	if err != nil {
		return nil, err
	}
	from[0].Name = header(m.FromName)
	msg.FromMailAddress(from[0])
	msg.SetMessageIDWithValue(header(m.ID))
	msg.SetDateWithValue(m.Date)
	msg.Subject(header(m.Subject))
	msg.SetBodyString(mail.TypeTextHTML, m.HTML)
	return msg, nil
}

func optional(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// parse returns plain addresses in net/mail's form.
func parse(plain []string) ([]*address.Address, error) {
	out := make([]*address.Address, len(plain))
	for i, text := range plain {
		parsed, err := address.ParseAddress(text)
		if err != nil {
			return nil, err
		}
		if parsed.Address != text {
			return nil, errors.New("the address is not plain")
		}
		out[i] = parsed
	}
	return out, nil
}

// header is OneLine of s without what readers would decode: an encoded word
// (RFC 2047) may hide a line break.
func header(s string) string {
	return strings.ReplaceAll(OneLine(s), "=?", "= ?")
}

// OneLine returns s in a form safe for a header: line breaks and other control
// characters become spaces.
func OneLine(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}
