package email

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strings"

	"github.com/insforge/insforge-go/primitives/email/smtp"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

const (
	// maxSettingsBytes bounds the bodies of the routes for administrators.
	maxSettingsBytes = 1 << 20
	// maxMailBytes bounds a mail of a user: servers take little more.
	maxMailBytes = 5 << 20
	// maxAddresses is the contract's limit of each list of recipients.
	maxAddresses = 50
	// maxText is the limit of names and the like.
	maxText = 1024
	// defaultMinInterval is in seconds.
	defaultMinInterval = 60
)

// MountAuth registers the routes of the settings on r, which is at /api/auth.
func (s *Service) MountAuth(r rest.Router) {
	body := rest.MaxBody(maxSettingsBytes)
	r.GET("/smtp-config", rest.Admin, s.handleConfig)
	r.PUT("/smtp-config", rest.Admin, s.handleUpdateConfig, body)
	r.POST("/smtp-config/test", rest.Admin, s.handleTest, body)
	r.GET("/email-templates", rest.Admin, s.handleTemplates)
	r.PUT("/email-templates/:type", rest.Admin, s.handleUpdateTemplate, body)
	r.POST("/email-templates/:type/preview", rest.Admin, s.handlePreview, body)
}

// Mount registers the other routes on r, which is at /api/email.
func (s *Service) Mount(r rest.Router) {
	r.POST("/send-raw", rest.User, s.handleSendRaw, rest.MaxBody(maxMailBytes))
	r.GET("/mailbox", rest.Admin, s.handleMailbox)
	r.PUT("/mailbox", rest.Admin, s.handleSwitchMailbox, rest.MaxBody(maxSettingsBytes))
	r.DELETE("/mailbox", rest.Admin, s.handleEmptyMailbox)
	r.GET("/mailbox/:id", rest.Admin, s.handleKeptMail)
	r.DELETE("/mailbox/:id", rest.Admin, s.handleDeleteKeptMail)
	r.GET("/outbox", rest.Admin, s.handleOutbox)
}

// handleConfig serves "GET /api/auth/smtp-config".
func (s *Service) handleConfig(c rest.Context) error {
	config, err := s.Config(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

// handleUpdateConfig serves "PUT /api/auth/smtp-config".
func (s *Service) handleUpdateConfig(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	u := readConfigUpdate(f)
	if err := f.Err(); err != nil {
		return err
	}
	config, err := s.UpdateConfig(c.Request().Context(), u)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, config)
}

func readConfigUpdate(f *rest.Fields) ConfigUpdate {
	u := ConfigUpdate{Enabled: f.Bool("enabled"), MinIntervalSeconds: defaultMinInterval}
	if !f.Has("port") {
		f.Complain("port", "Required")
	}
	if port := f.OptInt("port", math.MinInt32, math.MaxInt32); port != nil {
		switch u.Port = *port; u.Port {
		case 25, 465, 587, 2525:
		default:
			f.Complain("port", "Port must be one of: 25, 465, 587, 2525")
		}
	}
	text := []rest.StringRule{printable, rest.MaxLength(maxText)}
	sender := text
	if u.Enabled {
		text = append(text, rest.MinLength(1))
		sender = []rest.StringRule{rest.Email}
	}
	for _, field := range []struct {
		name  string
		value *string
		rules []rest.StringRule
	}{{"host", &u.Host, text}, {"username", &u.Username, text}, {"senderEmail", &u.SenderEmail, sender}, {"senderName", &u.SenderName, text}} {
		if u.Enabled && !f.Has(field.name) {
			f.Complain(field.name, "Required")
		}
		if given := f.OptString(field.name, field.rules...); given != nil {
			*field.value = *given
		}
	}
	u.Password = f.OptString("password", rest.MinLength(1), rest.MaxLength(4*maxText), rest.NoNUL)
	if seconds := f.OptInt("minIntervalSeconds", 0, math.MaxInt32); seconds != nil {
		u.MinIntervalSeconds = *seconds
	}
	return u
}

// printable requires a string of one line.
func printable(s string) string {
	if smtp.OneLine(s) != strings.TrimSpace(s) {
		return "String must not contain control characters"
	}
	return ""
}

// handleTest serves "POST /api/auth/smtp-config/test": {"to": address}.
func (s *Service) handleTest(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	to := f.String("to", rest.Email)
	if err := f.Err(); err != nil {
		return err
	}
	receipt, err := s.SendTest(c.Request().Context(), strings.ToLower(to))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, receipt)
}

type templateList struct {
	Data []Template `json:"data"`
}

// handleTemplates serves "GET /api/auth/email-templates".
func (s *Service) handleTemplates(c rest.Context) error {
	all, err := s.Templates(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, templateList{Data: all})
}

// handleUpdateTemplate serves "PUT /api/auth/email-templates/:type".
func (s *Service) handleUpdateTemplate(c rest.Context) error {
	kind := rest.Param(c, "type")
	if err := checkTemplateType(kind); err != nil {
		return err
	}
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	subject := f.String("subject", rest.MinLength(1), rest.NoNUL)
	body := f.String("bodyHtml", rest.MinLength(1), rest.NoNUL)
	if err := f.Err(); err != nil {
		return err
	}
	t, err := s.UpdateTemplate(c.Request().Context(), kind, subject, body)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, t)
}

// handlePreview serves "POST /api/auth/email-templates/:type/preview". The body
// may hold a subject and a bodyHtml to try before they are saved.
func (s *Service) handlePreview(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	subject := f.OptString("subject", rest.MinLength(1))
	body := f.OptString("bodyHtml", rest.MinLength(1))
	if err := f.Err(); err != nil {
		return err
	}
	preview, err := s.Preview(c.Request().Context(), rest.Param(c, "type"), subject, body)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, preview)
}

// handleSendRaw serves "POST /api/email/send-raw".
func (s *Service) handleSendRaw(c rest.Context) error {
	if identity.From(c.Request().Context()).Role() == identity.RoleAnon {
		return fault.New(http.StatusUnauthorized, fault.AuthInvalidCredentials, "Sending emails requires an authenticated user").
			Next("Sign a user in and send the access token, or use the API key.")
	}
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	m := readMail(f)
	if err := f.Err(); err != nil {
		return err
	}
	if err := s.SendRaw(c.Request().Context(), m); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct{}{})
}

func readMail(f *rest.Fields) Mail {
	if !f.Has("to") {
		f.Complain("to", "Required")
	}
	m := Mail{
		To: readAddresses(f, "to"), CC: readAddresses(f, "cc"), BCC: readAddresses(f, "bcc"),
		Subject: smtp.OneLine(f.String("subject", rest.Trimmed(rest.MinLength(1), rest.MaxLength(500)))),
		HTML:    strings.TrimSpace(f.String("html", rest.Trimmed(rest.MinLength(1)))),
	}
	f.OptString("from", rest.MaxLength(100)) // the contract's, and only for its cloud
	if replyTo := f.OptString("replyTo", rest.Email); replyTo != nil {
		m.ReplyTo = strings.ToLower(*replyTo)
	}
	return m
}

// readAddresses reads an address or a list of them, in lower case.
func readAddresses(f *rest.Fields, name string) []string {
	if !bytes.HasPrefix(f.Raw(name), []byte("[")) {
		address := f.OptString(name, rest.Email)
		if address == nil {
			return nil
		}
		return []string{strings.ToLower(*address)}
	}
	f.RequireElements(name, 1)
	list := f.Strings(name, rest.Email)
	if len(list) > maxAddresses {
		f.Complain(name, fmt.Sprintf("Array must contain at most %d element(s)", maxAddresses))
	}
	for i, address := range list {
		list[i] = strings.ToLower(address)
	}
	return list
}

// noStore keeps the codes in mails out of caches.
func noStore(c rest.Context) { c.Response().Header().Set("Cache-Control", "no-store") }

type mailbox struct {
	MailboxState
	Data []KeptMail `json:"data"`
}

// handleMailbox serves "GET /api/email/mailbox".
func (s *Service) handleMailbox(c rest.Context) error {
	ctx := c.Request().Context()
	state, err := s.MailboxState(ctx)
	if err != nil {
		return err
	}
	mails, err := s.KeptMails(ctx)
	if err != nil {
		return err
	}
	noStore(c)
	return c.JSON(http.StatusOK, mailbox{MailboxState: state, Data: mails})
}

// handleSwitchMailbox serves "PUT /api/email/mailbox": {"enabled": bool}.
func (s *Service) handleSwitchMailbox(c rest.Context) error {
	f, err := rest.Body(c)
	if err != nil {
		return err
	}
	on := f.Bool("enabled")
	if err := f.Err(); err != nil {
		return err
	}
	state, err := s.SwitchMailbox(c.Request().Context(), on)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, state)
}

type deletedMails struct {
	Deleted int64 `json:"deleted"`
}

// handleEmptyMailbox serves "DELETE /api/email/mailbox".
func (s *Service) handleEmptyMailbox(c rest.Context) error {
	n, err := s.EmptyMailbox(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, deletedMails{Deleted: n})
}

// mailID returns the path parameter, or 400 INVALID_INPUT.
func mailID(c rest.Context) (string, error) {
	id := rest.Param(c, "id")
	if text := rest.UUID(id); text != "" {
		return "", fault.Invalid("id: " + text).Next("GET /api/email/mailbox lists the mails with their ids.")
	}
	return strings.ToLower(id), nil
}

// handleKeptMail serves "GET /api/email/mailbox/:id".
func (s *Service) handleKeptMail(c rest.Context) error {
	id, err := mailID(c)
	if err != nil {
		return err
	}
	m, err := s.KeptMail(c.Request().Context(), id)
	if err != nil {
		return err
	}
	noStore(c)
	return c.JSON(http.StatusOK, m)
}

// handleDeleteKeptMail serves "DELETE /api/email/mailbox/:id".
func (s *Service) handleDeleteKeptMail(c rest.Context) error {
	id, err := mailID(c)
	if err != nil {
		return err
	}
	if err := s.DeleteKeptMail(c.Request().Context(), id); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, deletedMails{Deleted: 1})
}

type outboxList struct {
	Data  []OutboxEntry `json:"data"`
	Total int           `json:"total"`
}

// handleOutbox serves "GET /api/email/outbox".
func (s *Service) handleOutbox(c rest.Context) error {
	newest, total, err := s.Outbox(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, outboxList{Data: newest, Total: total})
}
