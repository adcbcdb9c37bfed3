package io.github.vmplumb;

import build.buf.protovalidate.Validator;
import build.buf.protovalidate.ValidatorFactory;
import build.buf.protovalidate.exceptions.ValidationException;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import io.github.vmplumb.v1.CNIArg;
import io.github.vmplumb.v1.CNIConfiguration;
import io.github.vmplumb.v1.NetworkInterface;
import io.github.vmplumb.v1.SetupNetworkRequest;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** The contract's rules, judged on this side: the rule ids that an agent answers. Loads CEL, so it stands alone. */
public final class Rules {
  private static final Validator VALIDATOR = ValidatorFactory.newBuilder().build();
  private static final int ARGS_MAX_BYTES = 65536;

  private Rules() {}

  /** Every rule a request violates. An agent may refuse for more: what only the host can tell. */
  public static List<Violation> violations(Message request) {
    List<Violation> found = new ArrayList<>();
    try {
      for (var one : VALIDATOR.validate(request).getViolations()) {
        found.add(new Violation(path(one.toProto().getField()), one.toProto().getRuleId(), one.toProto().getMessage()));
      }
    } catch (ValidationException broken) {
      throw new IllegalStateException("the rules of " + request.getDescriptorForType().getFullName(), broken);
    }
    if (request instanceof SetupNetworkRequest setUp) {
      found.addAll(beyondCel(setUp));
    }
    return found;
  }

  private static String path(build.buf.validate.FieldPath field) {
    return field.getElementsList().stream()
        .map(one -> one.getFieldName() + (one.hasIndex() ? "[" + one.getIndex() + "]" : ""))
        .collect(Collectors.joining("."));
  }

  /** The rules that the contract states in words, since CEL can neither add up nor read JSON. */
  private static List<Violation> beyondCel(SetupNetworkRequest request) {
    List<Violation> found = new ArrayList<>();
    List<NetworkInterface> interfaces = request.getSpec().getNetworkInterfaces().getInterfacesList();
    for (int index = 0; index < interfaces.size(); index++) {
      CNIConfiguration cni = interfaces.get(index).getCniConfiguration();
      String place = "spec.network_interfaces.interfaces[" + index + "].cni_configuration";
      int size = -1;
      for (CNIArg one : cni.getArgsList()) {
        size += one.getKeyBytes().size() + one.getValueBytes().size() + 2;
      }
      if (size > ARGS_MAX_BYTES) {
        String text = "args must be at most " + ARGS_MAX_BYTES + " bytes as CNI_ARGS, and are " + size;
        found.add(new Violation(place + ".args", "cni_configuration.args_size", text));
      }
      if (!cni.getCapabilityArgs().isEmpty() && !isJsonObject(cni.getCapabilityArgs())) {
        String text = "capability_args must be a JSON object in UTF-8";
        found.add(new Violation(place + ".capability_args", "cni_configuration.capability_args", text));
      }
    }
    return found;
  }

  private static boolean isJsonObject(ByteString json) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(json.asReadOnlyByteBuffer()).toString();
      JsonReader reader = new JsonReader(new StringReader(text));
      reader.setStrictness(Strictness.STRICT);
      return !text.startsWith("\ufeff")
          && JsonParser.parseReader(reader).isJsonObject()
          && reader.peek() == JsonToken.END_DOCUMENT;
    } catch (CharacterCodingException | JsonParseException notJson) {
      return false;
    } catch (IOException notJson) {
      return false;
    }
  }
}
