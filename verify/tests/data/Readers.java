import java.io.FileInputStream;
import java.io.InputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/** Prints name and SHA-256 of every member, as Java's two readers of zip files see them. */
class Readers {
    public static void main(String[] given) throws Exception {
        if (given[0].equals("file")) {
            try (ZipFile zip = new ZipFile(given[1])) {
                for (ZipEntry entry : java.util.Collections.list(zip.entries())) {
                    tell(entry.getName(), zip.getInputStream(entry));
                }
            }
        } else {
            try (ZipInputStream zip = new ZipInputStream(new FileInputStream(given[1]))) {
                for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                    tell(entry.getName(), zip);
                }
            }
        }
    }

    static void tell(String name, InputStream content) throws Exception {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(content.readAllBytes());
        System.out.println(HexFormat.of().formatHex(digest) + " " + name);
    }
}
