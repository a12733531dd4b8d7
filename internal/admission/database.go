package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// databaseWebhook answers for the objects of one kind.
type databaseWebhook struct {
	kind    database.Kind
	reader  client.Reader
	decoder admission.Decoder
}

// fillDefaults writes the kind's defaults into the spec.
func (w databaseWebhook) fillDefaults(_ context.Context, req admission.Request) admission.Response {
	instance := w.kind.New()
	if err := w.decoder.Decode(req, instance.Object()); err != nil {
		return undecodable(err)
	}
	if !instance.Object().GetDeletionTimestamp().IsZero() {
		return admission.Allowed("")
	}
	// The patch is made between two texts that were written alike. Against the user's own text it would also remove
	// what he spelled out although it is the zero value.
	before, err := json.Marshal(instance.Object())
	if err != nil {
		return unwritable(err)
	}
	w.kind.Default(instance)
	after, err := json.Marshal(instance.Object())
	if err != nil {
		return unwritable(err)
	}
	return admission.PatchResponseFromRaw(before, after)
}

// validate refuses a spec that cannot work, and the deletion of an object that is protected from it.
func (w databaseWebhook) validate(ctx context.Context, req admission.Request) admission.Response {
	if req.Operation == admissionv1.Delete {
		return w.validateDelete(req)
	}
	now, old := w.kind.New(), database.Instance(nil)
	if err := w.decoder.Decode(req, now.Object()); err != nil {
		return undecodable(err)
	}
	if req.Operation == admissionv1.Update {
		if !now.Object().GetDeletionTimestamp().IsZero() || sameSpec(req.OldObject.Raw, req.Object.Raw) {
			return admission.Allowed("")
		}
		old = w.kind.New()
		if err := w.decoder.DecodeRaw(req.OldObject, old.Object()); err != nil {
			return undecodable(err)
		}
	}
	warnings, problems := w.kind.Validate(ctx, w.reader, old, now)
	if len(problems) == 0 {
		return admission.Allowed("").WithWarnings(warnings...)
	}
	kind := schema.GroupKind{Group: req.Kind.Group, Kind: req.Kind.Kind}
	return denied(apierrors.NewInvalid(kind, req.Name, problems)).WithWarnings(warnings...)
}

// validateDelete protects what is marked DoNotTerminate.
func (w databaseWebhook) validateDelete(req admission.Request) admission.Response {
	instance := w.kind.New()
	if err := w.decoder.DecodeRaw(req.OldObject, instance.Object()); err != nil {
		return undecodable(err)
	}
	if instance.Spec().DeletionPolicy != sharedv1.DeletionPolicyDoNotTerminate {
		return admission.Allowed("")
	}
	return admission.Denied(fmt.Sprintf("%s %q can't be terminated. To delete, change spec.deletionPolicy",
		w.kind.Info().Kind, req.Namespace+"/"+req.Name))
}

// unwritable is the answer when an object cannot be turned into text.
func unwritable(err error) admission.Response {
	return admission.Errored(http.StatusInternalServerError, fmt.Errorf("write the object with its defaults: %w", err))
}

// denied hands an API error on as the webhook's answer, with its causes, so that kubectl prints one line for each.
func denied(err *apierrors.StatusError) admission.Response {
	status := err.Status()
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: false, Result: &status}}
}
