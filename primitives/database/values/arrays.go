package values

import "strings"

// appendArray appends an array in Postgres's notation: {1,NULL,"a \"b\""},
// nested for more dimensions, with [2:3]= in front for unusual bounds. A
// missing element is null, a quoted one never is.
func appendArray(dst []byte, element uint32, text string) ([]byte, bool) {
	if strings.HasPrefix(text, "[") {
		_, text, _ = strings.Cut(text, "=")
	}
	p := arrayParser{text: text, element: element, out: dst}
	if !p.array() || p.text != "" {
		return dst, false
	}
	return p.out, true
}

// arrayParser consumes text and appends to out.
type arrayParser struct {
	text    string
	element uint32
	out     []byte
}

func (p *arrayParser) array() bool {
	if !p.eat('{') {
		return false
	}
	p.out = append(p.out, '[')
	if p.eat('}') {
		p.out = append(p.out, ']')
		return true
	}
	for p.item() {
		if p.eat('}') {
			p.out = append(p.out, ']')
			return true
		}
		if !p.eat(',') {
			return false
		}
		p.out = append(p.out, ',')
	}
	return false
}

func (p *arrayParser) item() bool {
	switch {
	case strings.HasPrefix(p.text, "{"):
		return p.array() // Postgres has six dimensions at most
	case p.eat('"'):
		return p.quoted()
	}
	end := strings.IndexAny(p.text, ",}")
	if end <= 0 {
		return false
	}
	if word := p.text[:end]; strings.EqualFold(word, "NULL") {
		p.out = append(p.out, "null"...)
	} else {
		p.out = appendScalar(p.out, p.element, word)
	}
	p.text = p.text[end:]
	return true
}

// quoted reads an element whose opening quote was consumed.
func (p *arrayParser) quoted() bool {
	var word strings.Builder
	for i := 0; i < len(p.text); i++ {
		switch b := p.text[i]; {
		case b == '"':
			p.text = p.text[i+1:]
			p.out = appendScalar(p.out, p.element, word.String())
			return true
		case b == '\\' && i+1 < len(p.text):
			i++
			word.WriteByte(p.text[i])
		default:
			word.WriteByte(b)
		}
	}
	return false
}

func (p *arrayParser) eat(b byte) bool {
	if p.text == "" || p.text[0] != b {
		return false
	}
	p.text = p.text[1:]
	return true
}
