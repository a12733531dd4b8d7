package admission

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/conf"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/database/custom"
)

// gatherWithin bounds what is read to check a request. It is well below the webhook's own timeout of 10 s, so that a
// server that does not answer delays a request but never refuses it: the operation checks again.
const gatherWithin = 4 * time.Second

// requestWebhook answers for the operation requests of one kind.
type requestWebhook struct {
	kind    database.Kind
	gvk     schema.GroupVersionKind
	options Options
	decoder admission.Decoder
}

// setupRequests registers the webhooks of the operation requests.
func setupRequests(o Options) error {
	for _, kind := range o.Kinds {
		gvk := opsv1alpha1.GroupVersion.WithKind(kind.Info().OpsKind)
		if !o.Scheme.Recognizes(gvk) {
			return fmt.Errorf("register the webhook of %s: its kind is not in the scheme", gvk.Kind)
		}
		w := requestWebhook{kind: kind, gvk: gvk, options: o, decoder: admission.NewDecoder(o.Scheme)}
		o.Server.Register(path("validate", gvk), &webhook.Admission{Handler: admission.HandlerFunc(w.validate)})
	}
	return nil
}

// validate refuses a request that cannot be carried out, and any change of a request's spec.
func (w requestWebhook) validate(ctx context.Context, req admission.Request) admission.Response {
	request, err := w.decode(req)
	if err != nil {
		return undecodable(err)
	}
	if req.Operation == admissionv1.Update {
		if sameSpec(req.OldObject.Raw, req.Object.Raw) {
			return admission.Allowed("")
		}
		return w.refuse(req, field.Forbidden(field.NewPath("spec"),
			"a request can not be changed after its creation; delete it and create another one"))
	}
	instance := w.kind.New()
	key := types.NamespacedName{Namespace: req.Namespace, Name: request.Base().DatabaseRef.Name}
	if err := w.options.Reader.Get(ctx, key, instance.Object()); apierrors.IsNotFound(err) {
		return w.refuse(req, field.Invalid(field.NewPath("spec", "databaseRef", "name"), key.Name, fmt.Sprintf(
			"spec.databaseRef %s, is invalid or not found: there is no such %s", key, w.kind.Info().Kind)))
	} else if err != nil {
		return admission.Errored(http.StatusInternalServerError, fmt.Errorf("read %s %s: %w", w.kind.Info().Kind, key, err))
	}
	if problem := idle(instance); problem != nil {
		return w.refuse(req, problem)
	}
	problem, warnings := w.check(ctx, instance, request)
	if problem != nil {
		return w.refuse(req, problem).WithWarnings(warnings...)
	}
	return admission.Allowed("").WithWarnings(warnings...)
}

func (w requestWebhook) decode(req admission.Request) (opsv1alpha1.OpsRequest, error) {
	object, err := w.options.Scheme.New(w.gvk)
	if err != nil {
		return nil, err
	}
	request, ok := object.(opsv1alpha1.OpsRequest)
	if !ok {
		return nil, fmt.Errorf("%s is no operation request", w.gvk.Kind)
	}
	return request, w.decoder.Decode(req, object)
}

func (w requestWebhook) refuse(req admission.Request, problem *field.Error) admission.Response {
	return denied(apierrors.NewInvalid(w.gvk.GroupKind(), req.Name, field.ErrorList{problem}))
}

// check asks whether the kind has this operation, and whether its section makes sense for this database.
func (w requestWebhook) check(ctx context.Context, in database.Instance, request opsv1alpha1.OpsRequest) (*field.Error, []string) {
	operation := request.RequestType()
	operable, ok := database.AsOperable(w.kind)
	if ok {
		_, ok = operable.Operation(operation)
	}
	if !ok {
		return w.unsupported(operation), nil
	}
	if operation == opsv1alpha1.OpsUpdateVersion {
		return w.checkUpdate(ctx, in, request)
	}
	if operation == opsv1alpha1.OpsReconfigureTLS {
		return w.checkTLS(in, request), nil
	}
	if operation != opsv1alpha1.OpsReconfigure {
		return nil, nil
	}
	reconfigure, ok := request.(opsv1alpha1.ReconfigureRequest)
	if !ok {
		return w.unsupported(operation), nil
	}
	return w.checkReconfigure(ctx, in, reconfigure)
}

// idle refuses a request for a database that does not run and is not about to.
func idle(in database.Instance) *field.Error {
	at := field.NewPath("spec", "databaseRef")
	switch {
	case in.Object().GetDeletionTimestamp() != nil:
		return field.Forbidden(at, database.NameOf(in)+" is being deleted")
	case in.Spec().Halted:
		return field.Forbidden(at, database.NameOf(in)+" is halted; set spec.halted to false first")
	}
	return nil
}

// checkTLS makes the change on a copy. Whether the issuer exists is seen by the operation: it may be about to appear.
func (w requestWebhook) checkTLS(in database.Instance, request opsv1alpha1.OpsRequest) *field.Error {
	at := field.NewPath("spec", "tls")
	change, given := database.TLSChangeOf(request)
	if !given {
		return field.Required(at, "`spec.tls` nil not supported in ReconfigureTLS type")
	}
	reconfigurer, ok := database.AsTLSReconfigurer(w.kind)
	if !ok {
		return field.Forbidden(at, "the certificates of this kind can not be changed by request")
	}
	if _, err := reconfigurer.ReconfigureTLS(in, change); err != nil {
		return field.Invalid(at, request.GetName(), err.Error())
	}
	return nil
}

// unsupported refuses a type of operation that the kind does not have.
func (w requestWebhook) unsupported(operation opsv1alpha1.OpsRequestType) *field.Error {
	at := field.NewPath("spec", "type")
	if known := w.operations(); len(known) > 0 {
		return field.NotSupported(at, operation, known)
	}
	return field.Forbidden(at, fmt.Sprintf("this release of Matriarch has no operations on a %s", w.kind.Info().Kind))
}

// allOperations are the types of all three request kinds; which of them a kind has, it says itself.
var allOperations = []opsv1alpha1.OpsRequestType{
	opsv1alpha1.OpsUpdateVersion, opsv1alpha1.OpsHorizontalScaling, opsv1alpha1.OpsVerticalScaling,
	opsv1alpha1.OpsVolumeExpansion, opsv1alpha1.OpsRestart, opsv1alpha1.OpsReconfigure, opsv1alpha1.OpsReconfigureTLS,
	opsv1alpha1.OpsRotateAuth, opsv1alpha1.OpsReconnectStandby, opsv1alpha1.OpsForceFailOver,
	opsv1alpha1.OpsSetRaftKeyPair, opsv1alpha1.OpsStorageMigration,
}

// operations lists what the kind can be asked for.
func (w requestWebhook) operations() []opsv1alpha1.OpsRequestType {
	var known []opsv1alpha1.OpsRequestType
	operable, ok := database.AsOperable(w.kind)
	if !ok {
		return nil
	}
	for _, operation := range allOperations {
		if _, ok := operable.Operation(operation); ok {
			known = append(known, operation)
		}
	}
	return known
}

// checkReconfigure makes the change on a copy and checks the result as the operation will.
func (w requestWebhook) checkReconfigure(
	ctx context.Context, in database.Instance, request opsv1alpha1.ReconfigureRequest,
) (*field.Error, []string) {
	section := field.NewPath("spec", "configuration")
	change, ok := database.ConfigChangeOf(request)
	if !ok {
		return field.Required(section, "`spec.configuration` nil not supported in Reconfigure type"), nil
	}
	reconfigurer, ok := database.AsReconfigurer(w.kind)
	if !ok {
		return field.Forbidden(section, "this kind can not be reconfigured"), nil
	}
	for file, text := range change.Apply {
		if err := (custom.Text{Inline: text}).Fits(file); err != nil {
			return field.Invalid(section.Child("applyConfig"), request.GetName(), err.Error()), nil
		}
	}
	candidate, err := reconfigurer.Reconfigure(in, change)
	if err != nil {
		return field.Invalid(section, request.GetName(), err.Error()), nil
	}
	problems, err := w.problems(ctx, reconfigurer, candidate)
	if err != nil {
		return unreadable(section, request, err)
	}
	return judged(section, request.GetName(), problems.Asked())
}

// problems reads what the candidate depends on and says what is wrong with its configuration.
func (w requestWebhook) problems(ctx context.Context, r database.Reconfigurer, candidate database.Instance) (conf.Problems, error) {
	ctx, cancel := context.WithTimeout(ctx, gatherWithin)
	defer cancel()
	w.kind.Default(candidate)
	gathered, err := w.kind.Gather(ctx, w.options.Reader, candidate)
	if err != nil {
		return nil, err
	}
	return r.Check(gathered), nil
}

// judged refuses what has problems and passes warnings on.
func judged(at *field.Path, value string, problems conf.Problems) (*field.Error, []string) {
	if err := problems.Err(); err != nil {
		return field.Invalid(at, value, err.Error()), nil
	}
	var warnings []string
	for _, warning := range problems.Warnings() {
		warnings = append(warnings, warning.String())
	}
	return nil, warnings
}

// unreadable decides about a request whose new configuration could not be gathered. A mistake of the user's, and a
// Secret that the request itself names and that is not as it should be, refuse it; anything else that is missing or does
// not answer may be back when the operation runs.
func unreadable(section *field.Path, request opsv1alpha1.ReconfigureRequest, err error) (*field.Error, []string) {
	common, _ := request.Reconfiguration()
	if missing, ok := errors.AsType[*custom.Missing](err); ok && common.ConfigSecret != nil {
		return field.Invalid(section.Child("configSecret", "name"), common.ConfigSecret.Name, missing.What()), nil
	}
	if mistake, ok := errors.AsType[*database.Unusable](err); ok {
		return field.Invalid(section, request.GetName(), mistake.What), nil
	}
	return nil, []string{fmt.Sprintf("the new configuration could not be checked yet: %v", err)}
}
