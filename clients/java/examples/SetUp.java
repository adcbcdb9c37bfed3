// java -cp CLASSPATH examples/SetUp.java TARGET NETWORK VM
import io.github.vmplumb.Agent;
import io.github.vmplumb.VmplumbException;
import io.github.vmplumb.v1.ErrorReason;
import io.github.vmplumb.v1.SetupResult;
import io.github.vmplumb.v1.TeardownNetworkRequest;

class SetUp {
  public static void main(String[] args) {
    String network = args[1];
    String vm = args[2];
    try (Agent agent = Agent.at(args[0]).dial()) {
      var call = agent.setUp(vm, Agent.cni(network));
      call.on(it -> System.out.println(it.sequence() + " " + it.progress().getStep() + " " + it.progress().getState()));
      SetupResult result = call.run();
      for (var one : result.getInterfacesList()) {
        var vmm = one.getFirecrackerInterface();
        System.out.println("PUT /network-interfaces/" + vmm.getIfaceId());
        System.out.println(vmm.getJson().toStringUtf8());
      }
      System.out.println("boot with ip=" + result.getIpBootParam() + " in " + result.getNetnsPath());
      var teardown = TeardownNetworkRequest.newBuilder().setVmId(vm).setWaitForDevices(true).build();
      System.out.println(agent.tearDown(teardown).run().getExisted() ? "gone" : "was not there");
    } catch (VmplumbException refused) {
      if (refused.reason != ErrorReason.ERROR_REASON_INVALID_REQUEST) {
        throw refused;
      }
      refused.violations.forEach(it -> System.err.println(it.field() + ": " + it.rule() + ": " + it.message()));
      System.exit(2);
    }
  }
}
