package email

import (
	"context"
	"errors"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/kernel/audit"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// templateTypes are the mails that the product sends, in their order.
var templateTypes = []string{
	"email-verification-code", "email-verification-link", "request-otp", "reset-password-code", "reset-password-link",
}

// Template is the text of one of the product's mails.
type Template struct {
	ID           uuid.UUID `json:"id"`
	TemplateType string    `json:"templateType"`
	Subject      string    `json:"subject"`
	BodyHTML     string    `json:"bodyHtml"`
	CreatedAt    rest.Time `json:"createdAt"`
	UpdatedAt    rest.Time `json:"updatedAt"`
}

// Templates returns all templates, ordered by type.
func (s *Service) Templates(ctx context.Context) (all []Template, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		all, err = readTemplates(ctx, tx)
		return err
	})
	return all, err
}

// template returns one template, or 404 EMAIL_TEMPLATE_NOT_FOUND.
func (s *Service) template(ctx context.Context, kind string) (t Template, err error) {
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		t, err = readTemplate(ctx, tx, kind)
		return orTemplateNotFound(err, kind)
	})
	return t, err
}

// UpdateTemplate replaces a template and is audited. It returns 400
// INVALID_INPUT for a type that does not exist and 404
// EMAIL_TEMPLATE_NOT_FOUND when its row is missing.
func (s *Service) UpdateTemplate(ctx context.Context, kind, subject, bodyHTML string) (t Template, err error) {
	if err := checkTemplateType(kind); err != nil {
		return Template{}, err
	}
	err = s.db.AsOwner(ctx, func(tx pg.Tx) error {
		if t, err = writeTemplate(ctx, tx, kind, subject, bodyHTML); err != nil {
			return orTemplateNotFound(err, kind)
		}
		return s.audit.Record(ctx, tx, audit.Entry{
			Module: audit.Email, Action: "UPDATE_EMAIL_TEMPLATE", Details: map[string]string{"templateType": kind},
		})
	})
	return t, err
}

func checkTemplateType(kind string) error {
	if slices.Contains(templateTypes, kind) {
		return nil
	}
	return fault.Invalid("type: must be one of " + strings.Join(templateTypes, ", ")).
		Next("GET /api/auth/email-templates lists the templates.")
}

func orTemplateNotFound(err error, kind string) error {
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	return fault.New(http.StatusNotFound, fault.EmailTemplateNotFound, "Email template not found: "+kind).
		Next("GET /api/auth/email-templates lists the templates.")
}

// Preview is a mail as a template would make it, with the values that were
// put in.
type Preview struct {
	Subject   string            `json:"subject"`
	BodyHTML  string            `json:"bodyHtml"`
	Variables map[string]string `json:"variables"`
}

// Preview renders a template with sample values and sends nothing. subject and
// bodyHTML replace the stored ones unless nil.
//
// It returns 400 INVALID_INPUT for a type that does not exist and 404
// EMAIL_TEMPLATE_NOT_FOUND when its row is missing.
func (s *Service) Preview(ctx context.Context, kind string, subject, bodyHTML *string) (Preview, error) {
	if err := checkTemplateType(kind); err != nil {
		return Preview{}, err
	}
	stored, err := s.template(ctx, kind)
	if err != nil {
		return Preview{}, err
	}
	if subject != nil {
		stored.Subject = *subject
	}
	if bodyHTML != nil {
		stored.BodyHTML = *bodyHTML
	}
	values := s.sample(kind)
	return Preview{
		Subject: smtp.OneLine(render(stored.Subject, values)), BodyHTML: render(stored.BodyHTML, values), Variables: values,
	}, nil
}

// sample returns made-up values for the variables that mails of a kind have.
func (s *Service) sample(kind string) map[string]string {
	own := map[string]string{"token": "123456"}
	path, link := map[string]string{
		"email-verification-link": "/api/auth/email/verify-link?token=",
		"reset-password-link":     "/api/auth/email/reset-password-link?token=",
	}[kind]
	if link {
		own = map[string]string{"link": s.baseURL + path + strings.Repeat("0123456789abcdef", 4)}
	}
	return allVariables("ada@example.com", "Ada Lovelace", own)
}

// allVariables are a mail's own variables and those that every mail has,
// which win.
func allVariables(to, name string, own map[string]string) map[string]string {
	values := maps.Clone(own)
	if values == nil {
		values = map[string]string{}
	}
	if name = smtp.OneLine(name); name == "" {
		name = "User"
	}
	values["name"], values["email"] = name, to
	if link, ok := values["link"]; ok {
		values["link"] = webLink(link)
	}
	return values
}

var placeholder = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// render puts values, HTML-escaped, where text names them. Other placeholders
// stay; what a value holds is not read again.
func render(text string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		value, ok := values[placeholder.FindStringSubmatch(found)[1]]
		if !ok {
			return found
		}
		return html.EscapeString(value)
	})
}

// webLink returns link, or "#" unless it leads to a web page.
func webLink(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "#"
	}
	return link
}
